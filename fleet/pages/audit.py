"""Pages."""

from flask import Blueprint

pages = Blueprint("audit_pages", __name__)
