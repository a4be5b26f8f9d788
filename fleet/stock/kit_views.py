"""``/kits``."""

from typing import Any

from flask import Response

from fleet.api import Blueprint, Resource, tagged
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody.models import Condition
from fleet.custody.records import AllocationNow
from fleet.custody.schemas import AllocationSchema
from fleet.stock import kit_schemas as schemas
from fleet.stock import kits as service
from fleet.stock.schemas import Nothing
from fleet.web import allow, caller
from fleet.web import service as running

kits = Blueprint("kits", __name__, description="Cameras with their mounts, cables and controllers")

Resource(
    path="/kits", key="code", view=Permission.CAMERA_VIEW, edit=Permission.STOCK_MANAGE, query=schemas.KitQuery,
    new=schemas.NewKit, change=schemas.KitChange, out=schemas.KitSchema, find=service.find, get=service.get,
    register=service.make, revise=service.revise,
).add_to(kits)  # fmt: skip


@kits.route("/kits/<identifier:code>/issue", methods=["POST"])
@allow(Permission.CAMERA_ISSUE)
@kits.arguments(schemas.KitIssue)
@kits.response(201, AllocationSchema)
def issue(body: dict[str, Any], code: str) -> AllocationNow:
    """Issue the camera with every part that is in the kit."""
    policy = running().fleet_settings.policy
    return service.issue(*caller(), code, body["collar"], body["due_back"], policy=policy, now=utc_now())


@kits.route("/kits/<identifier:code>/return", methods=["POST"])
@allow(Permission.CAMERA_RETURN)
@kits.arguments(schemas.KitReturn)
@kits.response(200, AllocationSchema)
def take_back(body: dict[str, Any], code: str) -> AllocationNow:
    """Take camera and parts back; those named as missing stay missing."""
    condition, policy = Condition(body["condition"]), running().fleet_settings.policy
    missing, note = body["missing"], body["note"]
    return service.take_back(*caller(), code, condition, missing, note=note, policy=policy, now=utc_now())


@kits.route("/kits/<identifier:code>/dissolve", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@kits.arguments(Nothing)
@kits.response(200, schemas.KitSchema)
def dissolve(_body: dict[str, Any], code: str) -> Response:
    """Take it apart."""
    session, actor = caller()
    service.dissolve(session, actor, code, now=utc_now())
    return tagged(service.get(session, code), schemas.KitSchema())
