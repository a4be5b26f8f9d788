"""``/retirements``: cameras on their way out: retired, wiped, and disposed of by two people."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError
from fleet.lifecycle import cases, retirement, schemas
from fleet.pages import forms
from fleet.pages.acts import Act
from fleet.pages.cases import about_camera, camera_page, read_from
from fleet.pages.listing import ON_A_CAMERA, Column, Listing
from fleet.web import allow, caller

pages = Blueprint("retirements_pages", __name__)
# What the two forms of a disposal call their fields.
_PROPOSAL = {"how": "How it is disposed of"}
_DECLINING = {"reason": "Why it is taken back"}

Listing(
    path="/retirements", title="Cameras out of service", one="camera", many="cameras", view=Permission.CAMERA_VIEW,
    query=schemas.RetirementQuery, **read_from(cases.RETIREMENTS), search="Serial",
    begin=ON_A_CAMERA,
    columns=[
        Column("serial", to="retirement"), Column("model", show="word"), Column("custody", show="custody"),
        Column("retired_at", "Retired", show="when"), Column("reason"), Column("certificate", "Wipe certificate"),
        Column("how", "Disposal", show="word"), Column("proposed_by", show="who"), Column("confirmed_by", show="who"),
    ],
    exported=[
        "serial", "model", "custody", "retired_at", "retired_by", "reason", "method", "certificate", "wiped_by",
        "wiped_on", "sanitised_by", "how", "waste_note", "proposed_by", "proposed_at", "confirmed_by", "confirmed_at",
    ],
).add_to(pages)  # fmt: skip


def _retire(serial: str, said: dict[str, Any]) -> str:
    retirement.retire(*caller(), serial, said["reason"], now=utc_now())
    return f"{serial} is retired. Wipe it next."


Act(
    path="/cameras/<identifier:key>/retire", name="retire", permission=Permission.CAMERA_RETIRE, schema=schemas.Reason,
    heading="Retire {}", button="Retire it", kind="warning", says="A retired camera does not come back into service.",
    do=_retire, about=about_camera, back=camera_page,
).add_to(pages)  # fmt: skip


def _sanitise(serial: str, said: dict[str, Any]) -> str:
    retirement.sanitise(*caller(), serial, said, now=utc_now())
    return f"The wipe of {serial} is on record."


Act(
    path="/cameras/<identifier:key>/sanitise", name="sanitise", permission=Permission.CAMERA_RETIRE,
    schema=schemas.Sanitisation, heading="Record the wipe of {}", button="Put it on record",
    do=_sanitise, about=about_camera, back=camera_page,
    hints={"method": "What was done, with which tool.", "wiped_by": "The person, or the company that did it."},
    labels={"certificate": "Number of the wipe certificate"},
).add_to(pages)  # fmt: skip


@pages.get("/retirements/<identifier:serial>")
@allow(Permission.CAMERA_VIEW)
def disposal(serial: str) -> ResponseReturnValue:
    """How far a camera is on its way out, and what is next for whom."""
    return _page(serial)


@pages.post("/retirements/<identifier:serial>/propose")
@allow(Permission.CAMERA_DISPOSE)
def propose(serial: str) -> ResponseReturnValue:
    """Propose how it is disposed of."""

    def act() -> None:
        said = forms.read(schemas.Disposal(), request.form, labels=_PROPOSAL)
        retirement.propose(*caller(), serial, said["how"], waste_note=said["waste_note"], now=utc_now())

    return _done(serial, forms.attempt(act), f"Proposed. A second person confirms the disposal of {serial}.")


@pages.post("/retirements/<identifier:serial>/confirm")
@allow(Permission.CAMERA_DISPOSE)
def confirm(serial: str) -> ResponseReturnValue:
    """Confirm it as the second person."""
    refused = forms.attempt(lambda: retirement.confirm(*caller(), serial, now=utc_now()))
    return _done(serial, refused, f"{serial} is disposed of.")


@pages.post("/retirements/<identifier:serial>/decline")
@allow(Permission.CAMERA_DISPOSE)
def decline(serial: str) -> ResponseReturnValue:
    """Take the proposal back."""

    def act() -> None:
        said = forms.read(schemas.Reason(), request.form, labels=_DECLINING)
        retirement.decline(*caller(), serial, said["reason"], now=utc_now())

    return _done(serial, forms.attempt(act), f"The proposal for {serial} is taken back.")


def _done(serial: str, refused: FleetError | None, says: str) -> ResponseReturnValue:
    if refused is not None:
        return _page(serial, refused)
    flash(says, "success")
    return redirect(url_for("retirements_pages.disposal", serial=serial), 303)


def _page(serial: str, refused: FleetError | None = None) -> ResponseReturnValue:
    session, actor = caller()
    shown = {
        "camera": cases.retirement(session, serial, now=utc_now()),
        "propose_fields": forms.fields_of(
            schemas.Disposal,
            labels=_PROPOSAL,
            hints={"waste_note": "Its number, where there is one."},
        ),
        "decline_fields": forms.fields_of(schemas.Reason, labels=_DECLINING),
        "me": actor.name,
    }
    page = render_template("lifecycle/disposal.html", **shown, typed=request.form, errors=forms.errors_of(refused))
    return page, refused.status if refused else 200
