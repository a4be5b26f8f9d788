"""Pages."""

from flask import Blueprint

pages = Blueprint("tasers", __name__)
