"""``/sites`` and ``/docks``: the roll-out from survey to live, and the docks that came of it."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.errors import FleetError
from fleet.pages import forms
from fleet.pages.listing import Column, Listing, older
from fleet.pages.records import Record
from fleet.paging import Paging
from fleet.sites import schemas, service
from fleet.sites.stages import NEXT_STAGES, Stage
from fleet.web import allow, caller

pages = Blueprint("sites_pages", __name__)
# What a page about something else shows of a list; the rest is a link away.
_GLIMPSE = Paging(limit=10)

SITES = Listing(
    path="/sites", title="Sites", one="site", many="sites", view=Permission.SITE_VIEW, query=schemas.SiteQuery,
    find=service.find_sites, count=service.count_sites, sorts=list(service.SITE_SORTS), add=Permission.SITE_EDIT,
    search="Code or name",
    columns=[
        Column("code", to="site"), Column("name"), Column("kind"), Column("nte", show="yes"),
        Column("stage", show="word"),
    ],
)  # fmt: skip
SITES.add_to(pages)

DOCKS = Listing(
    path="/docks", title="Docks", one="dock", many="docks", view=Permission.SITE_VIEW, query=schemas.DockQuery,
    find=service.find_docks, count=service.count_docks, sorts=list(service.DOCK_SORTS), add=Permission.DOCK_EDIT,
    labels="docks", search="Serial",
    columns=[Column("serial", to="dock"), Column("site", to="site"), Column("bays")],
)  # fmt: skip
DOCKS.add_to(pages)

Record(
    path="/sites", one="site", key="code", subject=Subject.SITE, edit=Permission.SITE_EDIT, new=schemas.NewSite,
    change=schemas.SiteChange, get=service.get_site, register=service.register_site, revise=service.revise_site,
    without=("stage",), hints={"code": "Short and unique: it names the site everywhere."},
).add_to(pages)  # fmt: skip
Record(
    path="/docks", one="dock", key="serial", subject=Subject.DOCK, edit=Permission.DOCK_EDIT, new=schemas.NewDock,
    change=schemas.DockChange, get=service.get_dock, register=service.register_dock, revise=service.revise_dock,
    hints={"site": "The code of the site where it stands."},
).add_to(pages)  # fmt: skip


@pages.get("/sites/<identifier:code>")
@allow(Permission.SITE_VIEW)
def site(code: str) -> ResponseReturnValue:
    """One site: how far it is, its docks, and the cameras that belong there."""
    return _page(code)


@pages.post("/sites/<identifier:code>/stage")
@allow(Permission.SITE_EDIT)
def advance(code: str) -> ResponseReturnValue:
    """Record that it reached its next stage."""
    refused = forms.attempt(lambda: _advance(code))
    if refused is not None:
        return _page(code, refused)
    flash(f"The stage of site {code} was recorded.", "success")
    return redirect(url_for(".site", code=code), 303)


def _advance(code: str) -> None:
    said = forms.read(schemas.StageReached(), request.form)
    service.advance(*caller(), code, said["stage"], note=said["note"], now=utc_now())


def _page(code: str, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    found = service.get_site(session, code)
    there = {"site": code}
    shown = {
        "site": found,
        "steps": service.steps(session, code),
        "next_stages": next_stages(found["stage"]),
        "stages": list(Stage),
        "docks": service.find_docks(session, there, _GLIMPSE).items,
        "dock_count": service.count_docks(session, there),
        "cameras": holdings.find(session, there, _GLIMPSE, now=utc_now()).items,
        "camera_count": holdings.count(session, there, now=utc_now()),
    }
    errors = forms.errors_of(refused)
    status = refused.status if refused else 200
    return render_template("sites/site.html", **shown, typed=request.form, errors=errors), status


def next_stages(stage: Stage | None) -> list[Stage]:
    """The stages that may come next, in their order."""
    return sorted(NEXT_STAGES[stage or Stage.CANDIDATE], key=list(Stage).index)


@pages.get("/docks/<identifier:serial>")
@allow(Permission.SITE_VIEW)
def dock(serial: str) -> str:
    """One dock, and the cameras that are expected in it."""
    session, _ = caller()
    found = service.get_dock(session, serial)
    bays = holdings.in_bays(session, serial)
    homed = older(f"homed at {serial}", lambda page: holdings.homed_at(session, serial, page))
    return render_template("sites/dock.html", dock=found, bays=bays, homed=homed)
