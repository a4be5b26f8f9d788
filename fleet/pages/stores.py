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
    Work("Command barcodes", "/counter/commands", "Print the counter’s commands to scan them.", Permission.COUNTER_USE),
)


@pages.get("/stores")
@allow(Permission.STOCK_MANAGE)
def stores() -> str:
    """The list of what a store does."""
    _, actor = caller()
    return render_template("stores/stores.html", work=[one for one in WORK if is_permitted(actor, one.permission)])
