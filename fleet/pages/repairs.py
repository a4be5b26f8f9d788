"""``/repairs``: what is at a supplier, in warranty or not, and how it came back."""

from typing import Any

from flask import Blueprint

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.lifecycle import cases, repairs, schemas
from fleet.pages.acts import Act
from fleet.pages.cases import about_camera, camera_page, read_from
from fleet.pages.listing import ON_A_CAMERA, Column, Listing
from fleet.web import caller

pages = Blueprint("repairs_pages", __name__)

Listing(
    path="/repairs", title="Repairs", one="repair", many="repairs", view=Permission.CAMERA_VIEW,
    query=schemas.RepairQuery, **read_from(cases.REPAIRS), search="Serial or RMA number",
    begin=ON_A_CAMERA,
    columns=[
        Column("serial", to="camera"), Column("fault"), Column("supplier"), Column("rma"),
        Column("in_warranty", show="yes"), Column("sent_at", "Sent", show="when"), Column("expected_back", show="day"),
        Column("overdue", show="alarm"), Column("result", show="word"),
    ],
    exported=[
        "serial", "model", "fault", "supplier", "rma", "in_warranty", "sent_at", "sent_by", "expected_back", "overdue",
        "returned_at", "result", "replacement", "note",
    ],
).add_to(pages)  # fmt: skip


def _send(serial: str, said: dict[str, Any]) -> str:
    repairs.send(*caller(), serial, repairs.Sending(**said), now=utc_now())
    return f"{serial} is in repair now."


Act(
    path="/cameras/<identifier:key>/repair", name="send", permission=Permission.STOCK_MANAGE,
    schema=schemas.RepairSending, heading="Send {} to repair", button="Send it",
    says="Whether its warranty covers this day is put on record with it.",
    do=_send, about=about_camera, back=camera_page,
    labels={"expected_back": "Expected back on"},
    hints={"fault": "What is wrong with it.", "rma": "The supplier’s number for this return."},
).add_to(pages)  # fmt: skip


def _take_back(serial: str, said: dict[str, Any]) -> str:
    repairs.take_back(
        *caller(), serial, said["result"], replacement=said["replacement"], note=said["note"], now=utc_now()
    )
    return {
        "repaired": f"{serial} is quarantined. Release it when you have looked at it.",
        "replaced": f"{said['replacement']} is registered, and {serial} retired.",
        "beyond-repair": f"{serial} is retired.",
    }[said["result"]]


Act(
    path="/cameras/<identifier:key>/repair/return", name="take_back", permission=Permission.STOCK_MANAGE,
    schema=schemas.RepairReturn, heading="{} is back from repair", button="Put it on record",
    do=_take_back, about=about_camera, back=camera_page,
    labels={"replacement": "Serial of the camera that came instead"},
    hints={"replacement": "Only where it was replaced. It is registered with the use, phase and home dock of the old."},
).add_to(pages)  # fmt: skip
