"""Pages."""

from flask import Blueprint

pages = Blueprint("front", __name__)
