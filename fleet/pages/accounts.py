"""Pages."""

from flask import Blueprint

pages = Blueprint("accounts_pages", __name__)
