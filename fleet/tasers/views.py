"""``/tasers``."""

from typing import Any

from flask import Response

from fleet.api import Blueprint, Resource, tagged
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.tasers import register, schemas, service
from fleet.web import allow, caller

tasers = Blueprint("tasers", __name__, description="Tasers and their magazines")

Resource(
    path="/tasers", key="serial", view=Permission.TASER_VIEW, edit=Permission.TASER_EDIT,
    query=schemas.TaserQuery, new=schemas.NewTaser, change=schemas.TaserChange, out=schemas.TaserSchema,
    find=register.find, get=register.get, register=service.register, revise=service.revise,
).add_to(tasers)  # fmt: skip


@tasers.route("/tasers/<identifier:serial>/custody", methods=["POST"])
@allow(Permission.TASER_EDIT)
@tasers.arguments(schemas.TaserMove)
@tasers.response(200, schemas.TaserSchema)
def move(body: dict[str, Any], serial: str) -> Response:
    """Change a Taser's custody by hand; lost, stolen and retired revoke its identity and every pairing."""
    session, actor = caller()
    service.move(session, actor, serial, body["custody"], note=body["note"], now=utc_now())
    return tagged(register.get(session, serial), schemas.TaserSchema())
