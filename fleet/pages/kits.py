"""``/kits``: cameras with what goes with them, each under one barcode."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError
from fleet.pages import forms
from fleet.pages.barcodes import code_128
from fleet.pages.listing import Column, Listing
from fleet.pages.records import Record
from fleet.stock import kit_schemas as schemas
from fleet.stock import kits as service
from fleet.web import allow, caller

pages = Blueprint("kits_pages", __name__)


class _Lines(ma.fields.List[Any]):
    """Parts, as somebody types them: a line each, the kind and perhaps a barcode."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        lines = [line.replace(",", " ").split(maxsplit=1) for line in value.splitlines() if line.strip()]
        parts = [dict(zip(("kind", "barcode"), (line[0].lower(), *line[1:]), strict=False)) for line in lines]
        return super()._deserialize(parts, attr, data, **kwargs)


class KitForm(schemas.KitChange):
    parts = _Lines(ma.fields.Nested(schemas.NewPart), validate=ma.validate.Length(max=service.MOST_PARTS))

    @ma.pre_load
    def _none_said(self, typed: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """A form that has no parts in it is of a kit without parts."""
        return {"parts": "", **typed}


class NewKitForm(KitForm, schemas.NewKit):
    """``code`` and ``camera`` as in the API."""


def _get(session: Session, code: str) -> dict[str, Any]:
    found = service.get(session, code)
    lines = [f"{part['kind']} {part['barcode'] or ''}".strip() for part in found["parts"]]
    return found | {"parts": "\n".join(lines)}


LIST = Listing(
    path="/kits", title="Kits", one="kit", many="kits", view=Permission.CAMERA_VIEW, query=schemas.KitQuery,
    find=service.find, count=service.count, sorts=list(service.SORTS), add=Permission.STOCK_MANAGE,
    search="Code or name", labels="kits",
    columns=[
        Column("code", to="kit"), Column("name"), Column("camera", to="camera"), Column("model", show="word"),
        Column("custody", show="custody"), Column("holder", to="person"), Column("dissolved_at", show="when"),
    ],
    exported=("code", "name", "camera", "model", "custody", "holder", "dissolved_at"),
)  # fmt: skip
LIST.add_to(pages)

Record(
    path="/kits", one="kit", key="code", subject=Subject.KIT, edit=Permission.STOCK_MANAGE, new=NewKitForm,
    change=KitForm, get=_get, register=service.make, revise=service.revise,
    hints={
        "code": "The kit’s own barcode: the counter scans it to issue everything in it.",
        "camera": "The camera’s serial.",
        "parts": "A line each: mount, cable, controller or other, and its barcode where it has one.",
    },
).add_to(pages)  # fmt: skip


@pages.get("/kits/<identifier:code>")
@allow(Permission.CAMERA_VIEW)
def kit(code: str) -> ResponseReturnValue:
    """One kit: its camera, its parts and where they are."""
    return _page(code)


@pages.post("/kits/<identifier:code>/dissolve")
@allow(Permission.STOCK_MANAGE)
def dissolve(code: str) -> ResponseReturnValue:
    """Take it apart."""
    refused = forms.attempt(lambda: service.dissolve(*caller(), code, now=utc_now()))
    if refused is not None:
        return _page(code, refused)
    flash(f"Kit {code} was dissolved. Its camera and parts are free.", "success")
    return redirect(url_for(".kit", code=code), 303)


def _page(code: str, refused: FleetError | None = None) -> ResponseReturnValue:
    session, _ = caller()
    shown = {"kit": service.get(session, code), "barcode": code_128(code) if code.isascii() else None}
    errors, status = forms.errors_of(refused), refused.status if refused else 200
    return render_template("stock/kit.html", **shown, typed=request.form, errors=errors), status
