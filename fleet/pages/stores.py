"""``/stores``: everything a store does beside the counter, by what somebody is about to do."""

from dataclasses import dataclass

from flask import Blueprint, render_template

from fleet.auth.permissions import Permission, is_permitted
from fleet.web import allow, caller

pages = Blueprint("stores_pages", __name__)


@dataclass(frozen=True)
class Work:
    """A page that the list leads to, what it is for, and what it takes to see it."""

    text: str
    path: str
    says: str
    permission: Permission = Permission.CAMERA_VIEW


WORK: dict[str, tuple[Work, ...]] = {
    "At the counter": (
        Work(
            "Exceptions of the counter",
            "/counter/exceptions?state=open",
            "What a counter did without a line and the service refused: settle each.",
            Permission.COUNTER_USE,
        ),
        Work("Visits", "/visits", "What was issued in each visit, and who has acknowledged it.", Permission.VISIT_VIEW),
        Work(
            "Reservations",
            "/reservations",
            "Keep cameras of the pool for an operation; see how many are out and to come.",
        ),
    ),
    "Stock": (
        Work("Stocktakes", "/stocktakes", "Scan everything in a room; settle what is missing; close it into the log."),
        Work(
            "Many cameras at once",
            "/bulk/new",
            "Return, move, issue or change many cameras, after a preview.",
            Permission.STOCK_MANAGE,
        ),
        Work("Kits", "/kits", "Cameras with their mounts, cables and controllers, each kit under one barcode."),
        Work("Statistics", "/statistics", "Issues, returns, stock and refusals of every day that is over."),
    ),
    "Trouble": (
        Work("Missing, lost and stolen", "/losses", "Cameras that are gone, and the breach assessment of each."),
        Work("Repairs", "/repairs", "What is at a supplier, in warranty or not, and what is overdue there."),
        Work("Held as evidence", "/holds", "Cameras that an authority wants kept as they are."),
        Work("Out of service", "/retirements", "Retired, wiped, waiting for a second person, disposed of."),
    ),
    "People": (
        Work(
            "Leavers and movers",
            "/departures",
            "Whose kit is due back by which day, and what they still hold.",
            Permission.PERSON_VIEW,
        ),
        Work(
            "Exceptions to rules 5 and 6",
            "/exceptions",
            "Firearms officers without a camera, and helmets without a Flex 2.",
            Permission.PERSON_VIEW,
        ),
    ),
    "Paper": (
        Work("Labels", "/labels", "Barcodes for cameras, officers, docks and kits, on sheets or rolls."),
        Work(
            "Command barcodes",
            "/counter/commands",
            "Print the counter’s commands to scan them.",
            Permission.COUNTER_USE,
        ),
        Work("Terms of use", "/terms", "What officers acknowledge, and its past versions.", Permission.FRONT_PAGE),
    ),
}
# Where the stores' pages begin, to tell which pages are theirs. The sheet of commands is the counter's own.
PATHS = tuple(
    one.path.partition("?")[0].removesuffix("/new")
    for works in WORK.values()
    for one in works
    if one.path != "/counter/commands"
)


@pages.get("/stores")
@allow(Permission.CAMERA_VIEW)
def stores() -> str:
    """The list of what a store does, as far as whoever looks may see it."""
    _, actor = caller()
    seen = {heading: [one for one in works if is_permitted(actor, one.permission)] for heading, works in WORK.items()}
    return render_template("stores/stores.html", work={heading: works for heading, works in seen.items() if works})
