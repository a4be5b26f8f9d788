"""Kits: a camera with its mount, cable and controller under one barcode, issued and returned as one act.

The camera's custody is what decides; parts have no life cycle. They go out with it, and are checked off one by one when
it comes back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.cameras.service import CAMERAS
from fleet.custody import service as custody
from fleet.custody.holdings import OPEN
from fleet.custody.models import Allocation, Condition
from fleet.custody.records import AllocationNow, CameraNow
from fleet.custody.service import Issue
from fleet.db import AnySelect, Prepared, begins, has_word_like
from fleet.errors import Conflict, Invalid
from fleet.paging import Page, Paging, capped_count
from fleet.people.models import Person
from fleet.register import Kind
from fleet.settings import Policy
from fleet.stock.models import Kit, KitPart
from fleet.stock.states import NEXT_PART, PartState

KITS = Kind(Kit, Subject.KIT, Event.KIT_MADE, Event.KIT_CHANGED)
MOST_PARTS = 20


class KitDissolved(Conflict):
    """The kit is no more."""


class KitOut(Conflict):
    """Somebody has the kit, or parts of it."""


_ROWS = (
    sa.select(
        Kit.code,
        Kit.name,
        Camera.serial.label("camera"),
        Camera.model,
        Camera.custody,
        Person.collar.label("holder"),
        Kit.dissolved_at,
        Kit.version,
    )
    .join(Camera, Camera.id == Kit.camera_id, isouter=True)
    .join(Allocation, OPEN, isouter=True)
    .join(Person, Person.id == Allocation.person_id, isouter=True)
)
SORTS: dict[str, list[sa.ColumnElement[Any]]] = {"code": [Kit.code.expression]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "code", descending: bool = False
) -> Page:
    """Kits by ``q``: how the code or a word of the name begins."""
    return paging.page(session, _like(filters), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(filters))


def _like(filters: Mapping[str, Any]) -> AnySelect:
    text = (filters.get("q") or "").strip()
    return _ROWS.where(begins(Kit.code, text.upper()) | has_word_like(Kit.name, text)) if text else _ROWS


_PARTS = Prepared(
    sa.select(KitPart.id, KitPart.kind, KitPart.barcode, KitPart.state)
    .join(Kit, Kit.id == KitPart.kit_id)
    .where(Kit.code == sa.bindparam("code"))
    .order_by(KitPart.id)
)


def get(session: Session, code: str) -> dict[str, Any]:
    """One kit with its ``parts``.

    Raises:
        NotFound
    """
    return KITS.row(session, _ROWS, code) | {"parts": _PARTS.all(session, code=code)}


def make(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Kit:
    """Put a camera and parts together.

    Raises:
        Conflict: the code or a part's barcode is taken, or the camera is in another kit.
        Invalid: there is no such camera.
    """
    camera_id = CAMERAS.id_of(session, values["camera"], "camera")
    row = Kit(code=values["code"], name=values.get("name"), camera_id=camera_id)
    parts = values.get("parts") or []
    KITS.enlist(session, actor, row, now=now, name=row.name, camera=values["camera"], parts=_told(parts))
    _put_parts(session, row.id, parts)
    return row


def revise(
    session: Session, actor: Actor, code: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Kit:
    """Change a kit's name, camera, or parts, which are then the ones given.

    Raises:
        NotFound, Stale, Conflict, Invalid, KitDissolved
        KitOut: its camera or its parts would change while somebody has them.
    """
    was = _require_whole(session, code)
    columns = {name: value for name, value in values.items() if name == "name"}
    shown: dict[str, Any] = {}
    if "camera" in values and values["camera"] != was["camera"]:
        columns["camera_id"] = CAMERAS.id_of(session, values["camera"], "camera")
        shown["camera_id"] = [was["camera"], values["camera"]]
    if was["holder"] is not None and ("camera_id" in columns or "parts" in values):
        raise KitOut(
            f"{code} is out to {was['holder']}.", found={"holder": was["holder"]}, mend="store, when it is back"
        )
    row = KITS.revise(session, actor, code, columns, at_version=at_version, now=now, shown=shown)
    if "parts" in values:
        session.execute(sa.delete(KitPart).where(KitPart.kit_id == row.id))
        _put_parts(session, row.id, values["parts"])
        changed = {"parts": [_told(was["parts"]), _told(values["parts"])]}
        audit.record(session, actor, Event.KIT_CHANGED, (Subject.KIT, code), at=now, changed=changed)
    return row


def dissolve(session: Session, actor: Actor, code: str, *, now: datetime) -> None:
    """Take a kit apart: its camera and parts are free. The code stays taken, as the log speaks of it.

    Raises:
        NotFound, KitDissolved, KitOut
    """
    was = _require_whole(session, code)
    if was["holder"] is not None:
        raise KitOut(
            f"{code} is out to {was['holder']}.", found={"holder": was["holder"]}, mend="store, when it is back"
        )
    row = KITS.lock(session, code)
    row.camera_id, row.dissolved_at = None, now
    session.execute(sa.delete(KitPart).where(KitPart.kit_id == row.id))
    facts = {"camera": was["camera"], "parts": _told(was["parts"])}
    audit.record(session, actor, Event.KIT_DISSOLVED, (Subject.KIT, code), at=now, officer=None, **facts)


def _require_whole(session: Session, code: str) -> dict[str, Any]:
    KITS.lock(session, code)
    found = get(session, code)
    if found["dissolved_at"] is not None:
        raise KitDissolved(f"Kit {code} was dissolved. Scan its camera.", mend="store, by making a new kit")
    return found


def _told(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{part['kind']} {part['barcode']}" if part.get("barcode") else str(part["kind"]) for part in parts]


def _put_parts(session: Session, kit_id: int, parts: Sequence[Mapping[str, Any]]) -> None:
    barcodes = [part["barcode"] for part in parts if part.get("barcode")]
    taken = sa.select(KitPart.barcode).where(KitPart.barcode.in_(barcodes)).limit(1)
    twice = [barcode for barcode, times in Counter(barcodes).items() if times > 1]
    if (double := (twice or [session.scalars(taken).first()])[0]) is not None:
        raise Conflict(f"{double} is a part of a kit already.", found={"barcode": double}, mend="store")
    if parts:
        rows = [{"kit_id": kit_id, "kind": part["kind"], "barcode": part.get("barcode")} for part in parts]
        session.execute(sa.insert(KitPart), rows)


def issue(
    session: Session, actor: Actor, code: str, collar: str, due_back: datetime | None, *, policy: Policy, now: datetime
) -> AllocationNow:
    """Issue a kit's camera, and with it the parts that are there: one act.

    Raises:
        NotFound, KitDissolved, and as ``custody.service.issue``.
    """
    found = _require_whole(session, code)
    kind = custody.kind_of(CAMERAS.get(session, found["camera"]).use)
    made = custody.issue(session, actor, Issue(found["camera"], collar, kind, due_back), policy=policy, now=now)
    hand_out(session, actor, code, collar, now=now)
    return made


def hand_out(session: Session, actor: Actor, code: str, collar: str, *, now: datetime) -> list[str]:
    """The parts that are in a kit go with its camera; answer what they are."""
    going = _move(session, code, PartState.IN_KIT, PartState.WITH_OFFICER)
    audit.record(session, actor, Event.KIT_ISSUED, (Subject.KIT, code), at=now, officer=collar, parts=_told(going))
    return _told(going)


def take_back(
    session: Session,
    actor: Actor,
    code: str,
    condition: Condition,
    missing: Sequence[int],
    *,
    note: str | None,
    policy: Policy,
    now: datetime,
) -> AllocationNow:
    """Take a kit back: its camera, and every part but the ``missing``, by their numbers.

    Raises:
        NotFound, KitDissolved, and as ``custody.service.take_back``.
        Invalid: what is said to be missing is not with the officer.
    """
    found = _require_whole(session, code)
    out = {part["id"]: part for part in found["parts"] if part["state"] == PartState.WITH_OFFICER}
    if not set(missing) <= out.keys():
        what = "A part that is not with the officer cannot be missing from them."
        raise Invalid(what, fields={"missing": [what]})
    gone = _told([out[number] for number in missing])
    said = "; ".join(part for part in (note, f"missing: {', '.join(gone)}" if gone else None) if part) or None
    ended = custody.take_back(session, actor, found["camera"], condition, note=said, policy=policy, now=now)
    _set(session, [number for number in out if number not in set(missing)], PartState.IN_KIT)
    _set(session, list(missing), PartState.MISSING)
    _log_return(session, actor, code, ended.person.collar, gone, now)
    return ended


def _log_return(
    session: Session, actor: Actor, code: str, collar: str | None, gone: Sequence[str], now: datetime
) -> None:
    subject = (Subject.KIT, code)
    audit.record(session, actor, Event.KIT_RETURNED, subject, at=now, officer=collar, missing=list(gone) or None)
    for part in gone:
        audit.record(session, actor, Event.KIT_PART_MISSING, subject, at=now, officer=collar, part=part)


def camera_of(session: Session, code: str) -> str:
    """The serial of a kit's camera.

    Raises:
        NotFound, KitDissolved
    """
    serial: str = _require_whole(session, code)["camera"]
    return serial


_OF_CAMERA = Prepared(sa.select(Kit.code).where(Kit.camera_id == sa.bindparam("camera_id")))


def of_camera(session: Session, camera: CameraNow) -> str | None:
    """The kit that a camera is in."""
    row = _OF_CAMERA.one(session, camera_id=camera.id)
    return row["code"] if row else None


def of_part(session: Session, barcode: str) -> str:
    """The kit that a part with a barcode is of."""
    return session.scalars(sa.select(Kit.code).join(KitPart).where(KitPart.barcode == barcode)).one()


def out(session: Session, code: str) -> list[str]:
    """The parts that are still with an officer."""
    return _told([part for part in _PARTS.all(session, code=code) if part["state"] == PartState.WITH_OFFICER])


def check_off(session: Session, barcode: str) -> None:
    """A part is back in its kit; one that was missing is found."""
    part = session.execute(sa.select(KitPart.id).where(KitPart.barcode == barcode).with_for_update()).scalar_one()
    _set(session, [part], PartState.IN_KIT)


def settle(session: Session, actor: Actor, code: str, *, all_here: bool, now: datetime) -> list[str]:
    """End the check of what came back: all the rest is here, or missing. Answers what is missing, and logs it."""
    to = PartState.IN_KIT if all_here else PartState.MISSING
    rest = _told(_move(session, code, PartState.WITH_OFFICER, to))
    gone = [] if all_here else rest
    _log_return(session, actor, code, None, gone, now)
    return gone


def _move(session: Session, code: str, was: PartState, to: PartState) -> list[dict[str, Any]]:
    parts = [part for part in _PARTS.all(session, code=code) if part["state"] == was]
    _set(session, [part["id"] for part in parts], to)
    return parts


def _set(session: Session, numbers: Sequence[int], to: PartState) -> None:
    able = [state for state in PartState if to in NEXT_PART[state]]
    those = sa.update(KitPart).where(KitPart.id.in_(numbers), KitPart.state.in_(able)).values(state=to)
    if numbers:
        session.execute(those, execution_options={"synchronize_session": False})
