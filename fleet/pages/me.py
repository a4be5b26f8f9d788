"""Pages."""

from flask import Blueprint

pages = Blueprint("me", __name__)
