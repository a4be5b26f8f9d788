"""Pages."""

from flask import Blueprint

pages = Blueprint("sign_in_pages", __name__)
