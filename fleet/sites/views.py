"""``/sites`` and ``/docks``."""

from typing import Any

from flask import Response

from fleet.api import Blueprint, Resource, tagged
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.sites import schemas, service
from fleet.web import allow, caller

sites = Blueprint("sites", __name__, description="Buildings, from survey to live")
docks = Blueprint("docks", __name__, description="Charge-and-upload units")

Resource(
    path="/sites", key="code", view=Permission.SITE_VIEW, edit=Permission.SITE_EDIT,
    query=schemas.SiteQuery, new=schemas.NewSite, change=schemas.SiteChange, out=schemas.SiteSchema,
    find=service.find_sites, get=service.get_site, register=service.register_site, revise=service.revise_site,
).add_to(sites)  # fmt: skip
Resource(
    path="/docks", key="serial", view=Permission.SITE_VIEW, edit=Permission.DOCK_EDIT,
    query=schemas.DockQuery, new=schemas.NewDock, change=schemas.DockChange, out=schemas.DockSchema,
    find=service.find_docks, get=service.get_dock, register=service.register_dock, revise=service.revise_dock,
).add_to(docks)  # fmt: skip


@sites.route("/sites/<identifier:code>/stage", methods=["POST"])
@allow(Permission.SITE_EDIT)
@sites.arguments(schemas.StageReached)
@sites.response(200, schemas.SiteSchema)
def advance(body: dict[str, Any], code: str) -> Response:
    """Record that a site reached its next stage (rule 3)."""
    session, actor = caller()
    service.advance(session, actor, code, body["stage"], note=body["note"], now=utc_now())
    return tagged(service.get_site(session, code), schemas.SiteSchema())
