"""``/cameras``: the fleet, and one camera with what may be done with it now."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.audit import Subject
from fleet.auth.permissions import Permission, is_permitted
from fleet.cameras import service as register
from fleet.cameras.models import Camera
from fleet.cameras.schemas import CameraChange, NewCamera
from fleet.cameras.service import CAMERAS
from fleet.cameras.states import Custody, Use
from fleet.clock import utc_now
from fleet.custody import holdings, service
from fleet.custody.models import IssueKind
from fleet.custody.readiness import blocks
from fleet.custody.records import standing_of
from fleet.custody.schemas import CameraQuery, CustodyMove, IssueRequest, ReturnRequest
from fleet.errors import FleetError
from fleet.lifecycle import cases
from fleet.lifecycle.models import GONE
from fleet.pages import forms, words
from fleet.pages.listing import Column, Listing, older
from fleet.pages.possible import acts_on
from fleet.pages.records import Record
from fleet.paging import Page, Paging
from fleet.web import allow, caller
from fleet.web import service as running

pages = Blueprint("cameras_pages", __name__)
# The rule by which a camera that somebody has is not issued.
_IS_OUT = 7

_HINTS = {
    "serial": "As on the camera’s label. A scanner may type it.",
    "home_dock": "The serial of the dock where it is expected.",
    "encryption": "What is typed here is recorded, not reported by the camera (rule 1).",
    "bluetooth": "What is typed here is recorded, not reported by the camera (rule 1).",
}


def _find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
    return holdings.find(session, filters, paging, now=utc_now(), sort=sort, descending=descending)


def _count(session: Session, filters: Mapping[str, Any]) -> int:
    return holdings.count(session, filters, now=utc_now())


LIST = Listing(
    path="/cameras", title="Cameras", one="camera", many="cameras", view=Permission.CAMERA_VIEW, query=CameraQuery,
    find=_find, count=_count, sorts=list(holdings.SORTS), labels="cameras", add=Permission.CAMERA_EDIT,
    bulk="/bulk/new",
    search="Serial, or its last digits, asset tag, collar number or site",
    columns=[
        Column("serial", to="camera"), Column("asset_tag"), Column("model", show="word"),
        Column("use", show="word"), Column("custody", show="custody"), Column("holder", to="person"),
        Column("due_back", show="due"), Column("site", to="site"), Column("firmware"),
    ],
)  # fmt: skip
LIST.add_to(pages)

RECORD = Record(
    path="/cameras", one="camera", key="serial", subject=Subject.CAMERA, edit=Permission.CAMERA_EDIT,
    new=NewCamera, change=CameraChange, get=holdings.get, register=register.register, revise=register.revise,
    hints=_HINTS,
)  # fmt: skip
RECORD.add_to(pages)


@pages.get("/cameras/<identifier:serial>")
@allow(Permission.CAMERA_VIEW)
def camera(serial: str) -> ResponseReturnValue:
    """One camera: its state, its history, what stands in its way, and the acts that are possible now."""
    return _page(serial)


@pages.post("/cameras/<identifier:serial>/return")
@allow(Permission.CAMERA_RETURN)
def take_back(serial: str) -> ResponseReturnValue:
    """Take it back from whoever has it."""

    def act() -> str:
        said = forms.read(ReturnRequest(), request.form, prefix="return-")
        policy = running().fleet_settings.policy
        done = service.take_back(*caller(), serial, said["condition"], note=said["note"], policy=policy, now=utc_now())
        return f"{serial} was returned from {done.person.collar}."

    return _act(serial, act)


@pages.post("/cameras/<identifier:serial>/issue")
@allow(Permission.CAMERA_ISSUE)
def issue(serial: str) -> ResponseReturnValue:
    """Issue it to an officer."""

    def act() -> str:
        wanted = service.Issue(serial, **forms.read(IssueRequest(), request.form, prefix="issue-"))
        service.issue(*caller(), wanted, policy=running().fleet_settings.policy, now=utc_now())
        return f"{serial} was issued to {wanted.collar}."

    return _act(serial, act)


@pages.post("/cameras/<identifier:serial>/move")
@allow(Permission.CAMERA_EDIT)
def move(serial: str) -> ResponseReturnValue:
    """Move it by hand: into stock, into quarantine and out."""

    def act() -> str:
        said = forms.read(CustodyMove(), request.form, prefix="move-")
        moved = service.move(*caller(), serial, said["custody"], note=said["note"], now=utc_now())
        return f"{serial} is {str(moved.custody).replace('_', ' ')} now."

    return _act(serial, act)


def _act(serial: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Do it and show the camera; or show it with what refused, and what was typed."""
    done: list[str] = []
    refused = forms.attempt(lambda: done.append(act()))
    if refused is not None:
        return _page(serial, refused)
    flash(done[0], "success")
    return redirect(url_for(".camera", serial=serial), 303)


def _page(serial: str, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    row, shown_camera = CAMERAS.get(session, serial), holdings.get(session, serial)
    shown = {
        "camera": shown_camera,
        "blocks": _in_the_way(session, row),
        "history": older(f"history of {serial}", lambda page: holdings.history(session, serial, page)),
        "return_fields": forms.fields_of(ReturnRequest, prefix="return-"),
        "issue_fields": _issue_fields(),
        "move_fields": _move_fields(row.custody),
        "acts": _acts(shown_camera),
        "now": utc_now(),
    }
    errors = forms.errors_of(refused)
    status = refused.status if refused else 200
    return render_template("cameras/camera.html", **shown, typed=request.form, errors=errors), status


def _acts(camera: Mapping[str, Any]) -> list[dict[str, str]]:
    session, actor = caller()
    loss = cases.open_loss_of(session, camera["serial"]) if camera["custody"] in GONE else None
    return acts_on(camera, actor, loss=loss)


def _in_the_way(session: Session, camera: Camera) -> list[dict[str, Any]]:
    kind = IssueKind.PERSONAL if camera.use is Use.PERSONAL else IssueKind.POOL
    found = blocks(standing_of(session, camera), kind, running().fleet_settings.policy)
    # That a camera is out is what it is for; the page says so in a line of its own.
    stopping = [block for block in found if block.rule != _IS_OUT]
    return [{"text": block.what, "mend": f"{words.word(block.mend)}.", "rule": block.rule} for block in stopping]


def _issue_fields() -> list[forms.Field]:
    _, actor = caller()
    may_override = is_permitted(actor, Permission.CUSTODY_OVERRIDE)
    hints = {
        "purpose": "Public-order work with a helmet gets a Flex 2 (rule 6).",
        "due_back": "Local time. Left empty, a loan lasts one shift and a personal issue has no end.",
        "override_reason": "Only where a rule stands in the way that you may override. It is kept in the log.",
    }
    without = () if may_override else ("override_reason",)
    return forms.fields_of(IssueRequest, prefix="issue-", hints=hints, without=without)


def _move_fields(custody: Custody) -> list[forms.Field]:
    """The form that moves a camera, with the steps that are possible from here; nothing when there is none."""
    possible = sorted((to for start, to in service.BY_HAND if start is custody), key=list(Custody).index)
    options = [(str(to), words.word(to)) for to in possible]
    fields = forms.fields_of(CustodyMove, prefix="move-")
    return [replace(field, options=options) if field.options else field for field in fields] if possible else []
