"""Pages."""

from flask import Blueprint

pages = Blueprint("sites_pages", __name__)
