"""Pages."""

from flask import Blueprint

pages = Blueprint("front_pages", __name__)
