"""``/tasers``."""

from fleet.api import Blueprint, Resource
from fleet.auth.permissions import Permission
from fleet.tasers import schemas, service

tasers = Blueprint("tasers", __name__, description="Tasers and their magazines")

Resource(
    path="/tasers", key="serial", view=Permission.TASER_VIEW, edit=Permission.TASER_EDIT,
    query=schemas.TaserQuery, new=schemas.NewTaser, change=schemas.TaserChange, out=schemas.TaserSchema,
    find=service.find, get=service.get, register=service.register, revise=service.revise,
).add_to(tasers)  # fmt: skip
