"""``/statistics``: the force's figures, day by day."""

from typing import Any

import marshmallow as ma

from fleet.api import Blueprint, ListQuery, Schema, Word, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.statistics.service import Measure, find
from fleet.web import allow, caller

statistics = Blueprint("statistics", __name__, description="The force's figures, day by day, kept as they were")


class StatisticQuery(ListQuery):
    measure = Word(Measure)
    label = ma.fields.String(metadata={"description": "of which kind, as the figures have it"})
    first = ma.fields.Date(metadata={"description": "the first day"})
    last = ma.fields.Date(metadata={"description": "the last day"})


class StatisticSchema(Schema):
    day = ma.fields.Date(metadata={"description": "in local time"})
    measure = ma.fields.String()
    label = ma.fields.String()
    value = ma.fields.Integer()


@statistics.route("/statistics")
@allow(Permission.CAMERA_VIEW)
@statistics.arguments(StatisticQuery, location="query")
@statistics.response(200, page_of(StatisticSchema))
def figures(query: dict[str, Any]) -> dict[str, Any]:
    """Figures of days that are over, the newest first."""
    session, _ = caller()
    return answer_page("statistics", query, lambda page: find(session, query, page))
