"""``/tasers``: the register of Tasers."""

from typing import Any

from flask import Blueprint, render_template, url_for

from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.pages import words
from fleet.pages.acts import Act, Rows
from fleet.pages.listing import Column, Listing
from fleet.pages.records import Record
from fleet.pairings import service as pairings
from fleet.tasers import register, schemas, service
from fleet.web import allow, caller

pages = Blueprint("tasers_pages", __name__)

LIST = Listing(
    path="/tasers", title="Tasers", one="Taser", many="Tasers", view=Permission.TASER_VIEW, query=schemas.TaserQuery,
    find=register.find, count=register.count, sorts=list(register.SORTS), add=Permission.TASER_EDIT,
    search="Serial of the Taser or of its SPPM",
    columns=[
        Column("serial", to="taser"), Column("model", show="word"), Column("sppm"),
        Column("custody", show="word"), Column("firmware"), Column("bluetooth", show="word"),
        Column("home_site", to="site"), Column("holder", to="person"),
    ],
)  # fmt: skip
LIST.add_to(pages)

Record(
    path="/tasers", one="Taser", key="serial", subject=Subject.TASER, edit=Permission.TASER_EDIT,
    new=schemas.NewTaser, change=schemas.TaserChange, get=register.get, register=service.register,
    revise=service.revise,
    hints={
        "sppm": "The serial of the fitted magazine. An X26 has none (rule 2).",
        "home_site": "The code of the site where it is kept.",
        "holder": "The collar number of the officer who has it.",
    },
).add_to(pages)  # fmt: skip


@pages.get("/tasers/<identifier:serial>")
@allow(Permission.TASER_VIEW)
def taser(serial: str) -> str:
    """One Taser, with what it is paired with."""
    session, _ = caller()
    shown, paired = register.get(session, serial), pairings.live_of_taser(session, serial)
    return render_template("tasers/taser.html", taser=shown, pairings=paired)


def _about(serial: str) -> Rows:
    session, _ = caller()
    shown = register.get(session, serial)
    return [
        {"key": "Custody", "value": words.word(shown["custody"])},
        {"key": "Magazine (SPPM)", "value": shown["sppm"]},
        {"key": "Holder", "value": shown["holder"]},
    ]


def _move(serial: str, said: dict[str, Any]) -> str:
    service.move(*caller(), serial, said["custody"], note=said["note"], now=utc_now())
    return f"{serial} is {said['custody'].replace('_', ' ')} now."


Act(
    path="/tasers/<identifier:key>/custody", name="move", permission=Permission.TASER_EDIT, schema=schemas.TaserMove,
    heading="Move Taser {}", button="Move it",
    says="Issue it and take it back by changing its holder. Lost, stolen and retired revoke its identity and every "
    "pairing at once.",
    do=_move, about=_about, back=lambda serial: url_for("tasers_pages.taser", serial=serial),
).add_to(pages)  # fmt: skip
