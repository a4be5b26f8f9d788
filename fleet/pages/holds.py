"""``/holds``: cameras that an authority wants kept as they are."""

from typing import Any

from flask import Blueprint

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.lifecycle import cases, holds, schemas
from fleet.pages import words
from fleet.pages.acts import Act, Rows
from fleet.pages.cases import about_camera, camera_page, read_from
from fleet.pages.listing import ON_A_CAMERA, Column, Listing
from fleet.web import caller

pages = Blueprint("holds_pages", __name__)

Listing(
    path="/holds", title="Cameras held as evidence", one="hold", many="holds", view=Permission.CAMERA_VIEW,
    query=schemas.HoldQuery, **read_from(cases.HOLDS), search="Serial",
    begin=ON_A_CAMERA,
    columns=[
        Column("serial", to="camera"), Column("authority"), Column("reference"), Column("reason"),
        Column("placed_at", "Held since", show="when"), Column("placed_by", "By", show="who"),
        Column("released_at", "Released", show="when"), Column("released_by", "Released by", show="who"),
    ],
    exported=[
        "serial", "authority", "reference", "reason", "placed_at", "placed_by", "released_at", "released_by",
        "release_reason",
    ],
).add_to(pages)  # fmt: skip


def _place(serial: str, said: dict[str, Any]) -> str:
    holds.place(*caller(), serial, holds.Placing(**said), now=utc_now())
    return f"{serial} is held for {said['authority']}."


Act(
    path="/cameras/<identifier:key>/hold", name="place", permission=Permission.CAMERA_HOLD,
    schema=schemas.HoldPlacing, heading="Hold {} as evidence", button="Hold it", kind="warning",
    says="It may be offloaded, and is not wiped, issued or repaired until you release it (rule 10). "
    "Whoever has it hands it in.",
    do=_place, about=about_camera, back=camera_page,
    hints={
        "authority": "Professional standards, the coroner, the CPS …",
        "reference": "The number under which they know the matter.",
    },
).add_to(pages)  # fmt: skip


def _about_hold(serial: str) -> Rows:
    session, _ = caller()
    rows, hold = about_camera(serial), cases.hold_on(session, serial, now=utc_now())
    if hold is None:
        return rows
    since = f"{words.when(hold['placed_at'])}, by {words.who(hold['placed_by'])}"
    told = {"Held for": hold["authority"], "Reference": hold["reference"], "Why": hold["reason"], "Since": since}
    return [*rows, *({"key": key, "value": value} for key, value in told.items())]


def _release(serial: str, said: dict[str, Any]) -> str:
    holds.release(*caller(), serial, said["reason"], now=utc_now())
    return f"{serial} is released, and quarantined until the store has looked at it."


Act(
    path="/cameras/<identifier:key>/release", name="release", permission=Permission.CAMERA_HOLD,
    schema=schemas.Reason, heading="Release {}", button="Release it",
    says="Whoever placed the hold releases it; when they are away for good, an administrator does.",
    do=_release, about=_about_hold, back=camera_page,
    hints={"reason": "Who of the authority agreed, and when."},
).add_to(pages)  # fmt: skip
