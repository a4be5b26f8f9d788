"""Pages."""

from flask import Blueprint

pages = Blueprint("tasers_pages", __name__)
