"""``/statistics``: the force's figures of days that are over."""

from flask import Blueprint

from fleet.auth.permissions import Permission
from fleet.pages.listing import Column, Listing
from fleet.statistics import service
from fleet.statistics.views import StatisticQuery

pages = Blueprint("statistics_pages", __name__)

Listing(
    path="/statistics", title="Statistics", one="figure", many="figures", view=Permission.CAMERA_VIEW,
    query=StatisticQuery, find=service.find, count=service.count, sorts=list(service.SORTS), descending=True,
    empty="A day’s figures are kept once it is over, a few minutes after midnight.",
    columns=[
        Column("day", show="day"), Column("measure", show="word"), Column("label", "Of which kind", "word"),
        Column("value", "Number", "amount"),
    ],
    exported=["day", "measure", "label", "value"],
).add_to(pages)  # fmt: skip
