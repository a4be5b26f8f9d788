"""Activations as they arrive: from a monitor at once, from a Taser's log, later from a camera's offload.

Each is keyed by its magazine and counter, and is one however often, by whomever and in whatever order it is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ble.protocol import statements
from ble.protocol.cose import PublicKey
from ble.protocol.statements import ACCOUNT, CANCELLATION, LOG_ENTRY, Cancellation, EvidenceError, LogEntry
from ble.protocol.statements import Account as Said
from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.capture.models import Account, Activation, ActivationKind, Outcome, Source
from fleet.capture.outcomes import USED, Paired, Seen, outcome
from fleet.db import AnySelect, begins, row_dict
from fleet.errors import Invalid, NotFound
from fleet.paging import Page, Paging, capped_count
from fleet.tasers import service as tasers
from fleet.tasers.models import DeviceIdentity, Pairing, Taser
from fleet.tasers.states import DeviceKind, PairingState

# A clock that is ahead by more than this is wrong: nothing is reported before it happened.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Item:
    """What one source says of one activation. ``camera`` is whose account it is, where it is a camera's."""

    sppm: str
    counter: int
    kind: ActivationKind
    at: datetime
    source: Source
    evidence: bytes
    heard_at: datetime | None = None
    camera: str | None = None


@dataclass(frozen=True)
class Taken:
    """What became of an item: the activation's number, and whether it was new."""

    id: int
    new: bool


def take(session: Session, actor: Actor, items: Sequence[Item], *, now: datetime) -> list[Taken]:
    """Take in what a monitor, a station or a dock reports, all of it or none, and answer for each.

    Raises:
        Invalid: an item is of a camera that there is not, of another kind than was told before, or of the future.
    """
    # Always in one order, so that two who report the same never wait for each other in a circle.
    order = sorted(range(len(items)), key=lambda place: (items[place].sppm, items[place].counter))
    taken = {place: _take(session, actor, place, items[place], now) for place in order}
    return [taken[place] for place in range(len(items))]


def _take(session: Session, actor: Actor, place: int, item: Item, now: datetime) -> Taken:
    if item.at > now + _AHEAD:
        raise _unfit(place, "at", "This is later than tomorrow.")
    taser_id = session.scalar(sa.select(Taser.id).where(Taser.sppm == item.sppm))
    camera_id = _camera_id(session, place, item)
    row, is_new = _row(session, item, taser_id, now)
    if row.kind is not item.kind:
        raise _unfit(place, "kind", f"Counter {item.counter} of {item.sppm} is known as {row.kind}.")
    added = _add_account(session, actor, row, item, camera_id, now)
    if added:
        _judge(session, row)
    if is_new:
        _tell(session, actor, row, item, now)
    return Taken(row.id, is_new)


def _unfit(place: int, field: str, what: str) -> Invalid:
    return Invalid("One of these cannot be taken.", fields={f"items.{place}.{field}": [what]})


def _camera_id(session: Session, place: int, item: Item) -> int | None:
    if item.camera is None:
        if item.source is Source.CAMERA:
            raise _unfit(place, "camera", "Say which camera's account this is.")
        return None
    found = session.scalar(sa.select(Camera.id).where(Camera.serial == item.camera))
    if found is None:
        raise _unfit(place, "camera", f"There is no camera {item.camera}.")
    return found


def _row(session: Session, item: Item, taser_id: int | None, now: datetime) -> tuple[Activation, bool]:
    values = {
        "sppm": item.sppm,
        "counter": item.counter,
        "kind": item.kind,
        "at": item.at,
        "taser_id": taser_id,
        "outcome": Outcome.UNKNOWN,
        "received_at": now,
    }
    made = insert(Activation).values(values).on_conflict_do_nothing(index_elements=["sppm", "counter"])
    number = session.scalar(made.returning(Activation.id))
    key = Activation.sppm == item.sppm, Activation.counter == item.counter
    row = session.scalars(
        sa.select(Activation).where(*key).with_for_update().execution_options(populate_existing=True)
    ).one()
    return row, number is not None


def _add_account(
    session: Session, actor: Actor, row: Activation, item: Item, camera_id: int | None, now: datetime
) -> bool:
    """Keep what this source says, once; whether it was new."""
    values = {
        "activation_id": row.id,
        "source": item.source,
        "reporter": item.camera or (item.sppm if item.source is Source.TASER_LOG else actor.name),
        "camera_id": camera_id,
        "heard_at": item.heard_at,
        "evidence": item.evidence,
        "verified": _read(session, item.source, item.camera, row, item.evidence) is not None,
        "received_at": now,
    }
    made = insert(Account).values(values).on_conflict_do_nothing(index_elements=["activation_id", "source", "reporter"])
    return session.scalar(made.returning(Account.id)) is not None


_TYPES = {Source.TASER_LOG: (LOG_ENTRY,), Source.CAMERA: (ACCOUNT, CANCELLATION)}


def _read(
    session: Session, source: Source, camera: str | None, row: Activation, evidence: bytes
) -> statements.Statement | None:
    """What evidence says, if its signature holds and it is of this very activation. A monitor's has none."""
    if source is Source.MONITOR:
        return None
    kind, holder = (DeviceKind.TASER, row.sppm) if source is Source.TASER_LOG else (DeviceKind.CAMERA, camera)
    theirs = sa.select(DeviceIdentity.signing_key).where(DeviceIdentity.kind == kind, DeviceIdentity.serial == holder)
    keys = [PublicKey.decode(key) for key in session.scalars(theirs)]
    try:
        said = statements.read(evidence, keys, _TYPES[source]).statement
    except EvidenceError:
        return None
    return said if said.counter == row.counter and _is_of_magazine(session, said, row) else None


def _is_of_magazine(session: Session, said: statements.Statement, row: Activation) -> bool:
    """Whether a camera's account names a pairing of this magazine: another's may have come to the same counter."""
    if isinstance(said, LogEntry):
        return True
    mine = sa.select(Pairing.id).where(Pairing.radio_id == said.pairing, Pairing.sppm == row.sppm)
    return session.scalar(mine) is not None


def _judge(session: Session, row: Activation) -> None:
    """Decide anew what is known of it."""
    theirs = sa.select(Account.evidence, Camera.serial).join(Camera, Camera.id == Account.camera_id)
    theirs = theirs.where(Account.activation_id == row.id, Account.source == Source.CAMERA, Account.verified)
    told = [_read(session, Source.CAMERA, camera, row, data) for data, camera in session.execute(theirs)]
    seen = [_seen(said) for said in told if said is not None]
    row.outcome = outcome(seen, _paired(session, row.taser_id))
    session.flush()


def _seen(said: statements.Statement) -> Seen:
    if isinstance(said, Cancellation):
        return Seen(recorded=False, cancelled=True)
    return Seen(recorded=isinstance(said, Said) and said.recording is not None, cancelled=False)


def _paired(session: Session, taser_id: int | None) -> Paired:
    active, suspended = (
        sa.func.count().filter(Pairing.state == state) for state in (PairingState.ACTIVE, PairingState.SUSPENDED)
    )
    row = session.execute(sa.select(active, suspended).where(Pairing.taser_id == taser_id)).one()
    return Paired(row[0], row[1])


def _tell(session: Session, actor: Actor, row: Activation, item: Item, now: datetime) -> None:
    if row.taser_id is not None and row.kind in USED:
        tasers.note_activation(session, row.taser_id, item.at)
    facts: dict[str, Any] = {
        "taser": session.scalar(sa.select(Taser.serial).where(Taser.id == row.taser_id)),
        "sppm": row.sppm,
        "counter": row.counter,
        "kind": row.kind,
        "happened_at": row.at,
        "source": item.source,
        "heard_at": item.heard_at,
    }
    audit.record(session, actor, Event.ACTIVATION_REPORTED, (Subject.ACTIVATION, str(row.id)), at=now, **facts)


_ROWS = sa.select(
    Activation.id,
    Taser.serial.label("taser"),
    Activation.sppm,
    Activation.counter,
    Activation.kind,
    Activation.at,
    Activation.outcome,
    Activation.received_at,
).join(Taser, Taser.id == Activation.taser_id, isouter=True)
SORTS: dict[str, list[Any]] = {"at": [Activation.at, Activation.id]}


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "at", descending: bool = True
) -> Page:
    """Activations, the latest first, by ``taser``, ``kind``, ``outcome``, ``since``, ``until`` and ``q`` (magazine)."""
    return paging.page(session, _like(session, filters), SORTS[sort], descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many ``find`` has, as far as ``capped_count`` counts."""
    return capped_count(session, _like(session, filters))


def _like(session: Session, filters: Mapping[str, Any]) -> AnySelect:
    exact = {Activation.kind: "kind", Activation.outcome: "outcome"}
    statement = _ROWS.where(*(column == filters[name] for column, name in exact.items() if filters.get(name)))
    if filters.get("taser"):
        statement = statement.where(
            Activation.taser_id == session.scalar(sa.select(Taser.id).where(Taser.serial == filters["taser"]))
        )
    if filters.get("since"):
        statement = statement.where(Activation.at >= filters["since"])
    if filters.get("until"):
        statement = statement.where(Activation.at < filters["until"])
    if text := (filters.get("q") or "").strip().upper():
        statement = statement.where(begins(Activation.sppm, text))
    return statement


def get(session: Session, number: int) -> dict[str, Any]:
    """One activation as plain data, with each source's account of it.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(Activation.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no activation {number}.", found={"activation": number})
    columns = Account.source, Account.reporter, Camera.serial.label("camera"), Account.heard_at, Account.verified
    told = sa.select(*columns, Account.received_at, Account.evidence).outerjoin(Camera, Camera.id == Account.camera_id)
    accounts = session.execute(told.where(Account.activation_id == number).order_by(Account.id))
    return row_dict(row) | {"accounts": [row_dict(one) for one in accounts]}
