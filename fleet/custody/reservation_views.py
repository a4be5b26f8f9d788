"""``/reservations``, and which camera to give an officer."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from fleet.api import Blueprint, Resource, tagged
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody import choice, planning
from fleet.custody import reservation_schemas as schemas
from fleet.paging import Page, Paging
from fleet.web import allow, caller
from fleet.web import service as running

reservations = Blueprint("reservations", __name__, description="Cameras of the pool kept for operations")


def _find(session: Session, filters: Mapping[str, Any], paging: Paging) -> Page:
    return planning.find(session, filters, paging, now=utc_now())


def _get(session: Session, code: str) -> dict[str, Any]:
    return planning.get(session, code, now=utc_now())


Resource(
    path="/reservations", key="code", view=Permission.CAMERA_VIEW, edit=Permission.STOCK_MANAGE,
    query=schemas.ReservationQuery, new=schemas.NewReservation, change=schemas.ReservationChange,
    out=schemas.ReservationSchema, find=_find, get=_get, register=planning.make, revise=planning.revise,
).add_to(reservations)  # fmt: skip


@reservations.route("/reservations/<identifier:code>/cancel", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@reservations.arguments(schemas.Cancellation)
@reservations.response(200, schemas.ReservationSchema)
def cancel(body: dict[str, Any], code: str) -> Response:
    """Call an operation off, or end it early; what is out for it is due back now."""
    session, actor = caller()
    planning.cancel(session, actor, code, body["reason"], now=utc_now())
    return tagged(_get(session, code), schemas.ReservationSchema())


@reservations.route("/people/<identifier:collar>/suggestions")
@allow(Permission.CAMERA_ISSUE)
@reservations.response(200, schemas.Suggestions)
def suggestions(collar: str) -> dict[str, Any]:
    """Which cameras of the pool to give an officer, the best first; none while they have a loan."""
    session, _ = caller()
    policy = running().fleet_settings.policy
    return {"items": choice.require_and_suggest(session, collar, policy=policy)}
