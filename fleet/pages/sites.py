"""Pages."""

from flask import Blueprint

pages = Blueprint("sites", __name__)
