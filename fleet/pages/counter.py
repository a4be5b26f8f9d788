"""Pages."""

from flask import Blueprint

pages = Blueprint("counter", __name__)
