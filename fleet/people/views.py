"""``/people``."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from fleet.api import Blueprint, Resource
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.paging import Page, Paging
from fleet.people import schemas, service

people = Blueprint("people", __name__, description="Officers, their teams and training")


def _find(session: Session, filters: Mapping[str, Any], paging: Paging) -> Page:
    return service.find(session, {**filters, "today": utc_now().date()}, paging)


Resource(
    path="/people", key="collar", view=Permission.PERSON_VIEW, edit=Permission.PERSON_EDIT,
    query=schemas.PersonQuery, new=schemas.NewPerson, change=schemas.PersonChange, out=schemas.PersonSchema,
    find=_find, get=service.get, register=service.register, revise=service.revise,
).add_to(people)  # fmt: skip
