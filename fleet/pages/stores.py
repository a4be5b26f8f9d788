"""``/stores``: everything an equipment store does beside the counter, in one list."""

from dataclasses import dataclass

from flask import Blueprint, render_template

from fleet.auth.permissions import Permission, is_permitted
from fleet.web import allow, caller

pages = Blueprint("stores_pages", __name__)


@dataclass(frozen=True)
class Work:
    """A page that the list leads to, and what it is for."""

    text: str
    path: str
    says: str
    permission: Permission = Permission.STOCK_MANAGE


WORK: tuple[Work, ...] = (
    Work(
        "Exceptions of the counter",
        "/counter/exceptions?state=open",
        "What a counter did without a line and the service refused: settle each.",
        Permission.COUNTER_USE,
    ),
    Work("Visits", "/visits", "What was issued in each visit, and who has acknowledged it.", Permission.VISIT_VIEW),
    Work("Terms of use", "/terms", "What officers acknowledge, and its past versions.", Permission.FRONT_PAGE),
    Work("Labels", "/labels", "Barcodes for cameras, officers and docks, on sheets or rolls.", Permission.CAMERA_VIEW),
    Work("Kits", "/kits", "Cameras with their mounts, cables and controllers, each kit under one barcode."),
    Work(
        "Reservations", "/reservations", "Keep cameras of the pool for an operation; see how many are out and to come."
    ),
    Work("Many cameras at once", "/bulk/new", "Return, move, issue or change many cameras, after a preview."),
    Work("Stocktakes", "/stocktakes", "Scan everything in a room; settle what is missing; close it into the log."),
    Work("Command barcodes", "/counter/commands", "Print the counter’s commands to scan them.", Permission.COUNTER_USE),
    Work("Statistics", "/statistics", "Issues, returns, stock and refusals of every day that is over."),
    Work("Missing, lost and stolen", "/losses", "Cameras that are gone, and the breach assessment of each."),
    Work("Repairs", "/repairs", "What is at a supplier, in warranty or not, and what is overdue there."),
    Work("Held as evidence", "/holds", "Cameras that an authority wants kept as they are."),
    Work("Out of service", "/retirements", "Retired, wiped, waiting for a second person, disposed of."),
    Work("Leavers and movers", "/departures", "Whose kit is due back by which day, and what they still hold."),
    Work("Exceptions", "/exceptions", "Firearms officers without a camera, and helmets without a Flex 2."),
)


@pages.get("/stores")
@allow(Permission.STOCK_MANAGE)
def stores() -> str:
    """The list of what a store does."""
    _, actor = caller()
    return render_template("stores/stores.html", work=[one for one in WORK if is_permitted(actor, one.permission)])
