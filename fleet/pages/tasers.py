"""``/tasers``: the register of Tasers."""

from flask import Blueprint, render_template

from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.pages.listing import Column, Listing
from fleet.pages.records import Record
from fleet.tasers import register, schemas, service
from fleet.web import allow, caller

pages = Blueprint("tasers_pages", __name__)

LIST = Listing(
    path="/tasers", title="Tasers", one="Taser", many="Tasers", view=Permission.TASER_VIEW, query=schemas.TaserQuery,
    find=register.find, count=register.count, sorts=list(register.SORTS), add=Permission.TASER_EDIT,
    search="Serial of the Taser or of its SPPM",
    columns=[
        Column("serial", to="taser"), Column("model", show="word"), Column("sppm"), Column("firmware"),
        Column("bluetooth", show="word"), Column("home_site", to="site"),
        Column("holder", to="person"),
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
    """One Taser."""
    session, _ = caller()
    return render_template("tasers/taser.html", taser=register.get(session, serial))
