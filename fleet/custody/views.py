"""``/cameras``: the register with who has what, and the acts that change it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.api import Blueprint, ListQuery, Resource, answer_page, page_of, tagged
from fleet.auth.permissions import Permission
from fleet.cameras import service as register
from fleet.cameras.schemas import CameraSchema, NewCamera
from fleet.clock import utc_now
from fleet.custody import holdings, schemas, service, written
from fleet.custody.records import AllocationNow
from fleet.paging import Page, Paging
from fleet.web import allow, caller
from fleet.web import service as running

cameras = Blueprint("cameras", __name__, description="Cameras: what each is, where it is, who has it")


def _find(session: Session, filters: Mapping[str, Any], paging: Paging) -> Page:
    return holdings.find(session, filters, paging, now=utc_now())


def _revise(
    session: Session, actor: Actor, serial: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> None:
    acts = written.without_custody(session, serial, values)
    register.revise(session, actor, serial, acts, at_version=at_version, now=now)


Resource(
    path="/cameras", key="serial", view=Permission.CAMERA_VIEW, edit=Permission.CAMERA_EDIT,
    query=schemas.CameraQuery, new=NewCamera, change=schemas.CameraPatch, out=CameraSchema,
    find=_find, get=holdings.get, register=register.register, revise=_revise,
).add_to(cameras)  # fmt: skip


@cameras.route("/cameras/<identifier:serial>/issue", methods=["POST"])
@allow(Permission.CAMERA_ISSUE)
@cameras.arguments(schemas.IssueRequest)
@cameras.response(201, schemas.AllocationSchema)
def issue(body: dict[str, Any], serial: str) -> AllocationNow:
    """Put a ready camera into a trained officer's hands."""
    wanted = service.Issue(serial=serial, **body)
    return service.issue(*caller(), wanted, policy=running().fleet_settings.policy, now=utc_now())


@cameras.route("/cameras/<identifier:serial>/return", methods=["POST"])
@allow(Permission.CAMERA_RETURN)
@cameras.arguments(schemas.ReturnRequest)
@cameras.response(200, schemas.AllocationSchema)
def take_back(body: dict[str, Any], serial: str) -> AllocationNow:
    """Take a camera back from whoever has it."""
    policy = running().fleet_settings.policy
    return service.take_back(*caller(), serial, body["condition"], note=body["note"], policy=policy, now=utc_now())


@cameras.route("/cameras/<identifier:serial>/custody", methods=["POST"])
@allow(Permission.CAMERA_EDIT)
@cameras.arguments(schemas.CustodyMove)
@cameras.response(200, CameraSchema)
def move(body: dict[str, Any], serial: str) -> Response:
    """Move a camera that nobody has: into stock, into quarantine and out."""
    session, actor = caller()
    service.move(session, actor, serial, body["custody"], note=body["note"], now=utc_now())
    return tagged(holdings.get(session, serial), CameraSchema())


@cameras.route("/cameras/<identifier:serial>/history")
@allow(Permission.CAMERA_VIEW)
@cameras.arguments(ListQuery, location="query")
@cameras.response(200, page_of(schemas.HistoryEntry))
def history(query: dict[str, Any], serial: str) -> dict[str, Any]:
    """What happened to a camera's custody, newest first."""
    session, _ = caller()
    return answer_page(f"history of {serial}", query, lambda page: holdings.history(session, serial, page))
