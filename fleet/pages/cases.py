"""What the pages about cases share: how their lists are read, and what is said of a camera above a form."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.lifecycle.cases import CaseList
from fleet.pages import words
from fleet.pages.acts import Rows
from fleet.paging import Page, Paging
from fleet.web import caller


def read_from(cases: CaseList) -> dict[str, Any]:
    """How a ``Listing`` reads a list of cases: its ``find``, ``count``, ``sorts`` and ``descending``."""

    def find(session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str, descending: bool) -> Page:
        return cases.find(session, filters, paging, now=utc_now(), sort=sort, descending=descending)

    def count(session: Session, filters: Mapping[str, Any]) -> int:
        return cases.count(session, filters, now=utc_now())

    return {"find": find, "count": count, "sorts": list(cases.sorts), "descending": cases.newest_first}


def camera_page(serial: str) -> str:
    """Where the acts on a camera lead back to."""
    return url_for("cameras_pages.camera", serial=serial)


def about_camera(serial: str) -> Rows:
    """What matters of a camera before it goes anywhere.

    Raises:
        NotFound
    """
    session, _ = caller()
    camera = holdings.get(session, serial)
    held = f"{camera['holder']}, since {words.when(camera['issued_at'])}" if camera["holder"] else None
    rows = [
        ("Camera", f"{serial}, {words.word(camera['model'])}"),
        ("Custody", words.word(camera["custody"])),
        ("Out to", held),
        ("Not offloaded", camera["unoffloaded"]),
        ("Encryption", words.encryption(camera["encryption"])),
        ("Warranty until", words.day(camera["warranty_until"]) or "Not known"),
    ]
    return [{"key": key, "value": value} for key, value in rows if value is not None]
