"""The end of a stocktake: settle what is missing, then close it into the log, or abandon it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Entry, Event, Subject
from fleet.cameras.models import Camera
from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.custody import many
from fleet.custody.models import Allocation
from fleet.errors import Conflict, Invalid
from fleet.lifecycle import losses
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.stock import counting
from fleet.stock.models import Stocktake, StocktakeExpected, StocktakeScan
from fleet.stock.states import ON_THE_SHELF, Judgment, Settlement, StocktakeState
from fleet.stock.stocktakes import locked, subject_of

_MOST_NAMED = 5


class NotSettled(Conflict):
    """Something is missing of which nobody has said what became of it."""


def settle(
    session: Session,
    actor: Actor,
    number: int,
    serials: Sequence[str] | None,
    settlement: Settlement,
    note: str | None,
    *,
    now: datetime,
) -> int:
    """Say what became of missing cameras, or of all that are not settled yet; answer how many that were.

    Raises:
        NotFound, StocktakeEnded
        Invalid: a camera is not missing here; or ``explained`` is said, which custody says by itself.
    """
    if settlement is Settlement.EXPLAINED:
        raise Invalid("An explanation comes from custody alone.", fields={"settled": ["cannot be said"]})
    locked(session, number)
    missing = counting.missing_now(session, number, unsettled=serials is None)
    if serials is not None and (wrong := sorted(set(serials) - missing.keys())):
        what = f"{_listed(wrong)} is not missing here."
        raise Invalid(what, fields={"cameras": [what]})
    ids = list(missing.values()) if serials is None else [missing[serial] for serial in serials]
    _write(session, actor, number, dict.fromkeys(ids, (settlement, note)), now)
    return len(ids)


def _listed(serials: Sequence[str]) -> str:
    return ", ".join(serials[:_MOST_NAMED]) + (" and others" if len(serials) > _MOST_NAMED else "")


_WRITE = sa.text(
    """
UPDATE stocktake_expected AS e SET settled = said.settled, note = said.note, settled_at = :at, settled_by = :by
FROM unnest(CAST(:cameras AS bigint[]), CAST(:settled AS text[]), CAST(:notes AS text[]))
     AS said(camera_id, settled, note)
WHERE e.stocktake_id = :number AND e.camera_id = said.camera_id
"""
)


def _write(
    session: Session, actor: Actor, number: int, said: dict[int, tuple[Settlement, str | None]], now: datetime
) -> None:
    values = {
        "number": number,
        "at": now,
        "by": actor.name,
        "cameras": list(said),
        "settled": [str(settlement) for settlement, _ in said.values()],
        "notes": [note for _, note in said.values()],
    }
    session.execute(_WRITE, values)


def close(session: Session, actor: Actor, number: int, *, policy: Policy, now: datetime) -> dict[str, Any]:
    """Close a stocktake into the log: one entry with the counts, one for each discrepancy. It never changes again.

    What could not be located is reported missing, with all that follows from that (rule 16).

    Raises:
        NotFound, StocktakeEnded
        NotSettled: cameras are missing and nobody has said what became of them; or somebody said so just now.
    """
    # Cameras before the stocktake, as a return over the counter takes them.
    lost = _unable_to_locate(session, number)
    many.lock_cameras(session, list(lost))
    stocktake = locked(session, number)
    if _unable_to_locate(session, number).keys() - lost.keys():
        raise NotSettled("Somebody settled cameras at this moment. Close it again.", mend="you, by closing it again")
    counts: dict[str, Any] = counting.counts(session, number)
    if counts["unsettled"]:
        _refuse(session, number, counts["unsettled"])
    why = counting.explained(session, number)
    _write(session, actor, number, {camera: (Settlement.EXPLAINED, note) for camera, note in why}, now)
    _end(session, actor, stocktake, StocktakeState.CLOSED, counts, now)
    audit.record(session, actor, Event.STOCKTAKE_CLOSED, subject_of(number), at=now, name=stocktake.name, **counts)
    audit.record_many(session, actor, [*_of_missing(session, number), *_of_scans(session, number)], at=now)
    _report_lost(session, actor, stocktake, lost, policy, now)
    return counts


def _unable_to_locate(session: Session, number: int) -> dict[str, str | None]:
    """The missing cameras that were looked for in vain and can be reported missing, with what was noted of each."""
    able = [custody for custody in ON_THE_SHELF if Custody.MISSING in NEXT_CUSTODY[custody]]
    those = counting.missing_of(number).where(
        StocktakeExpected.settled == Settlement.UNABLE_TO_LOCATE, Camera.custody.in_(able)
    )
    return {row.serial: row.note for row in session.execute(those.order_by(Camera.id))}


def _report_lost(
    session: Session, actor: Actor, stocktake: Stocktake, lost: Mapping[str, str | None], policy: Policy, now: datetime
) -> None:
    for serial, note in lost.items():
        circumstances = f"Unable to locate in stocktake {stocktake.id}" + (f": {note}" if note else "")
        said = losses.Report(now, stocktake.name, stocktake.opened_by, circumstances)
        losses.report(session, actor, serial, said, policy=policy, now=now)


def _refuse(session: Session, number: int, unsettled: int) -> None:
    serials = sorted(counting.missing_now(session, number, unsettled=True))
    what = f"{unsettled:,} missing cameras are not settled: {_listed(serials)}."
    if unsettled == 1:
        what = f"{serials[0]} is missing and not settled."
    raise NotSettled(what, found={"unsettled": unsettled}, mend="store, by finding it or saying that it cannot be")


def _end(
    session: Session, actor: Actor, stocktake: Stocktake, state: StocktakeState, counts: dict[str, Any], now: datetime
) -> None:
    stocktake.state, stocktake.counts = state, counts
    stocktake.ended_at, stocktake.ended_by = now, actor.name
    session.flush()


def abandon(session: Session, actor: Actor, number: int, reason: str | None, *, now: datetime) -> None:
    """End a stocktake without a result. What was scanned stays on record and counts for nothing.

    Raises:
        NotFound, StocktakeEnded
        Invalid: no reason is given.
    """
    if reason is None or not reason.strip():
        raise Invalid("Say why it is abandoned.", fields={"reason": ["is empty"]})
    stocktake = locked(session, number)
    counts: dict[str, Any] = counting.counts(session, number)
    stocktake.reason = reason
    _end(session, actor, stocktake, StocktakeState.ABANDONED, counts, now)
    facts = {"name": stocktake.name, "reason": reason}
    audit.record(session, actor, Event.STOCKTAKE_ABANDONED, subject_of(number), at=now, **facts, **counts)


def _of_missing(session: Session, number: int) -> Iterator[Entry]:
    """An entry for each camera that was expected and not seen."""
    seen = sa.exists().where(
        StocktakeScan.stocktake_id == number, StocktakeScan.camera_id == StocktakeExpected.camera_id
    )
    rows = session.execute(
        sa.select(Camera.serial, StocktakeExpected.settled, StocktakeExpected.note, StocktakeExpected.settled_by)
        .join(Camera, Camera.id == StocktakeExpected.camera_id)
        .where(StocktakeExpected.stocktake_id == number, ~seen)
        .order_by(Camera.serial)
    )
    for row in rows:
        facts = {"finding": row.settled, "note": row.note, "settled_by": row.settled_by, "stocktake": number}
        yield Entry(Event.STOCKTAKE_DISCREPANCY, (Subject.CAMERA, row.serial), facts=facts)


def _of_scans(session: Session, number: int) -> Iterator[Entry]:
    """An entry for each scan that was not expected. What nobody knows is about the stocktake itself."""
    rows = session.execute(
        sa.select(StocktakeScan, Camera.serial, Person.collar)
        .join(Camera, Camera.id == StocktakeScan.camera_id, isouter=True)
        .join(Allocation, sa.and_(Allocation.camera_id == Camera.id, Allocation.returned_at.is_(None)), isouter=True)
        .join(Person, Person.id == Allocation.person_id, isouter=True)
        .where(StocktakeScan.stocktake_id == number)
        .where(StocktakeScan.judgment.in_([Judgment.UNEXPECTED, Judgment.MISPLACED, Judgment.UNKNOWN]))
        .order_by(StocktakeScan.id)
    )
    for scan, serial, holder in rows:
        subject = (Subject.CAMERA, serial) if serial else subject_of(number)
        facts = {"finding": scan.judgment, "scan": scan.scan, "scanned_by": scan.scanned_by, "stocktake": number}
        yield Entry(Event.STOCKTAKE_DISCREPANCY, subject, officer=holder, facts=facts)
