"""Pages."""

from flask import Blueprint

pages = Blueprint("cameras_pages", __name__)
