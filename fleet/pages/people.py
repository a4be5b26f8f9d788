"""Pages."""

from flask import Blueprint

pages = Blueprint("people_pages", __name__)
