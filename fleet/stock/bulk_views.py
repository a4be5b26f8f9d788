"""``/bulk``: a preview, then what was previewed."""

from typing import Any

from flask import url_for

from fleet.api import Blueprint, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.stock import bulk as acts
from fleet.stock import bulk_schemas as schemas
from fleet.web import allow, caller
from fleet.web import service as running

bulk = Blueprint("bulk", __name__, description="One act on many cameras: previewed, then carried out")
_ONE = "/bulk/<int(max=9223372036854775807):number>"


def rows_of(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The cameras that a body names, each with what is wanted of it alone."""
    if "issues" in body:
        return [(line["serial"], {name: line[name] for name in line if name != "serial"}) for line in body["issues"]]
    if "cameras" in body:
        return [(serial, {}) for serial in body["cameras"]]
    session, _ = caller()
    return [(serial, dict(said)) for serial, said in acts.by_filter(session, body["filters"], now=utc_now())]


@bulk.route("/bulk", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@bulk.arguments(schemas.NewBulkAct)
@bulk.response(201, schemas.BulkActSchema)
def preview(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Judge an act on many cameras. Nothing is done yet."""
    session, actor = caller()
    policy = running().fleet_settings.policy
    number = acts.preview(session, actor, body["verb"], body["wanted"], rows_of(body), policy=policy, now=utc_now())
    return acts.get(session, number), 201, {"Location": url_for(".get", number=number)}


@bulk.route(_ONE)
@allow(Permission.STOCK_MANAGE)
@bulk.response(200, schemas.BulkActSchema)
def get(number: int) -> dict[str, Any]:
    """How an act stands. It is done when none is ``ready`` any more."""
    session, _ = caller()
    return acts.get(session, number)


@bulk.route(f"{_ONE}/items")
@allow(Permission.STOCK_MANAGE)
@bulk.arguments(schemas.BulkItemsQuery, location="query")
@bulk.response(200, page_of(schemas.BulkItemSchema))
def items(query: dict[str, Any], number: int) -> dict[str, Any]:
    """Its cameras in the order asked, with what would be, or was, done with each, and what refused it."""
    session, _ = caller()
    acts.get(session, number)
    return answer_page(f"items of {number}", query, lambda page: acts.items(session, number, query["outcome"], page))


@bulk.route(f"{_ONE}/carry-out", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@bulk.response(200, schemas.BulkActSchema)
def carry_out(number: int) -> dict[str, Any]:
    """Do the next thousand of what was previewed; send it again until none is ``ready``."""
    session, actor = caller()
    return acts.carry_out(session, actor, number, policy=running().fleet_settings.policy, now=utc_now())
