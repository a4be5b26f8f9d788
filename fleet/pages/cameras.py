"""Pages."""

from flask import Blueprint

pages = Blueprint("cameras", __name__)
