"""``/stocktakes``."""

from collections.abc import Mapping
from typing import Any

from flask import url_for

from fleet.api import Blueprint, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.stock import closing, counting, schemas, stocktakes
from fleet.stock.states import Settlement
from fleet.web import allow, caller
from fleet.web import service as running

stock = Blueprint("stocktakes", __name__, description="Stocktakes: what should be in a place, and what was found")
_ONE = "/stocktakes/<int(max=9223372036854775807):number>"


@stock.route("/stocktakes")
@allow(Permission.CAMERA_VIEW)
@stock.arguments(schemas.StocktakeQuery, location="query")
@stock.response(200, page_of(schemas.StocktakeSchema))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Stocktakes, newest first. ``counts`` is null in this list while one is open."""
    session, _ = caller()
    return answer_page("stocktakes", query, lambda page: counting.find(session, query, page))


@stock.route("/stocktakes", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@stock.arguments(schemas.NewStocktake)
@stock.response(201, schemas.StocktakeSchema)
def open_(body: dict[str, Any]) -> tuple[Mapping[str, Any], int, dict[str, str]]:
    """Begin a stocktake: what should be there is fixed now."""
    session, actor = caller()
    number = stocktakes.open_(session, actor, body, now=utc_now())
    return counting.get(session, number), 201, {"Location": url_for(".get", number=number)}


@stock.route(_ONE)
@allow(Permission.CAMERA_VIEW)
@stock.response(200, schemas.StocktakeSchema)
def get(number: int) -> dict[str, Any]:
    """One stocktake with its counts."""
    session, _ = caller()
    return counting.get(session, number)


@stock.route(f"{_ONE}/scans", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@stock.arguments(schemas.Scans)
@stock.response(200, schemas.ScansAnswer)
def scan(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Take in scans, one or thousands: each camera counts once, whoever scans it and however often."""
    session, actor = caller()
    outcomes = stocktakes.scan(session, actor, number, body["scans"], now=utc_now())
    return {"scans": outcomes, "counts": counting.counts(session, number)}


@stock.route(f"{_ONE}/scans")
@allow(Permission.CAMERA_VIEW)
@stock.arguments(schemas.ScansQuery, location="query")
@stock.response(200, page_of(schemas.ScanSchema))
def scans(query: dict[str, Any], number: int) -> dict[str, Any]:
    """What was scanned, newest first."""
    session, _ = caller()
    counting.require(session, number)
    return answer_page(
        f"scans of {number}", query, lambda page: counting.scans(session, number, query["judgment"], page)
    )


@stock.route(f"{_ONE}/missing")
@allow(Permission.CAMERA_VIEW)
@stock.arguments(schemas.MissingQuery, location="query")
@stock.response(200, page_of(schemas.MissingSchema))
def missing(query: dict[str, Any], number: int) -> dict[str, Any]:
    """What was expected and not seen, in order of serial, and how it is settled."""
    session, _ = caller()
    stocktake = counting.require(session, number)
    unsettled = query["unsettled"]
    return answer_page(
        f"missing of {number}", query, lambda page: counting.missing(session, stocktake, page, unsettled=unsettled)
    )


@stock.route(f"{_ONE}/settlements", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@stock.arguments(schemas.SettlementRequest)
@stock.response(200, schemas.SettlementAnswer)
def settle(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Say what became of missing cameras."""
    session, actor = caller()
    how, note = Settlement(body["settled"]), body["note"]
    settled = closing.settle(session, actor, number, body["cameras"], how, note, now=utc_now())
    return {"settled": settled, "counts": counting.counts(session, number)}


@stock.route(f"{_ONE}/close", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@stock.arguments(schemas.Nothing)
@stock.response(200, schemas.StocktakeSchema)
def close(_body: dict[str, Any], number: int) -> dict[str, Any]:
    """Close it into the log; 409 while something missing is not settled."""
    session, actor = caller()
    closing.close(session, actor, number, policy=running().fleet_settings.policy, now=utc_now())
    return counting.get(session, number)


@stock.route(f"{_ONE}/abandon", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@stock.arguments(schemas.Abandonment)
@stock.response(200, schemas.StocktakeSchema)
def abandon(body: dict[str, Any], number: int) -> dict[str, Any]:
    """End it without a result."""
    session, actor = caller()
    closing.abandon(session, actor, number, body["reason"], now=utc_now())
    return counting.get(session, number)
