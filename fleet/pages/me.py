"""Pages."""

from flask import Blueprint

pages = Blueprint("me_pages", __name__)
