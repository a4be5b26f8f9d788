"""Pages."""

from flask import Blueprint

pages = Blueprint("counter_pages", __name__)
