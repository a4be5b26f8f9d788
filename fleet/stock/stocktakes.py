"""Stocktakes: opening one and scanning everything; ``closing`` settles what is missing and closes it into the log.

What should be here is fixed as rows when a stocktake is opened. Scans are rows too, one a camera, however often and by
however many people it is scanned; the log gets the result at the end, with an entry for each discrepancy.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.cameras.models import Camera
from fleet.custody import holdings
from fleet.custody.records import CameraNow
from fleet.db import Identifier, Prepared, row_dict
from fleet.errors import Conflict, Invalid, NotFound
from fleet.identifiers import canonical
from fleet.sites.models import Dock
from fleet.sites.service import DOCKS, SITES
from fleet.stock.models import Stocktake, StocktakeExpected
from fleet.stock.states import NEXT_STATE, ON_THE_SHELF, Judgment, Scanned, Scope, StocktakeState, judge

# More than any store holds. What is expected is copied, so a stocktake of the whole force is made in parts.
MOST_EXPECTED = 50_000
MOST_SCANS = 10_000


class StocktakeEnded(Conflict):
    """A stocktake that was closed or abandoned never changes."""


@dataclass(frozen=True)
class Outcome:
    """What one scan was: ``is_first`` unless somebody had scanned the camera before; then ``by`` whom, and ``at`` when.

    ``serial`` is None for what the register does not know.
    """

    scan: str
    serial: str | None
    judgment: Judgment
    is_first: bool
    by: str
    at: datetime


def open_(session: Session, actor: Actor, wanted: Mapping[str, Any], *, now: datetime) -> int:
    """Begin a stocktake and fix what should be here; answer its number.

    ``wanted`` has a ``site``, a ``dock`` or both, by identifier, and other filters of the camera list; ``name``.

    Raises:
        Invalid: there is no such place, or more is expected than one stocktake takes.
    """
    filters = {name: value for name, value in wanted.items() if value is not None and name != "name"}
    place = {"site_id": SITES.id_of(session, filters.get("site"), "site")}
    place["dock_id"] = DOCKS.id_of(session, filters.get("dock"), "dock")
    stocktake = Stocktake(
        name=wanted.get("name") or _named_after(filters),
        **place,
        filters=audit.plain(filters),
        state=StocktakeState.OPEN,
        opened_at=now,
        opened_by=actor.name,
    )
    session.add(stocktake)
    session.flush()
    expected = _expect(session, stocktake, filters, now)
    facts: dict[str, Any] = {"name": stocktake.name, "filters": stocktake.filters, "expected": expected}
    audit.record(session, actor, Event.STOCKTAKE_OPENED, subject_of(stocktake.id), at=now, **facts)
    return stocktake.id


def _named_after(filters: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in filters.values()) or "Everything"


def _expect(session: Session, stocktake: Stocktake, filters: Mapping[str, Any], now: datetime) -> int:
    where = holdings.conditions(session, filters, now=now)
    if stocktake.dock_id is not None:
        where.append(Camera.home_dock_id == stocktake.dock_id)
    cameras = holdings.CAMERA_ROWS.with_only_columns(sa.literal(stocktake.id), Camera.id, maintain_column_froms=True)
    cameras = cameras.where(*where, Camera.custody.in_(ON_THE_SHELF)).limit(MOST_EXPECTED + 1)
    made = session.execute(sa.insert(StocktakeExpected).from_select(["stocktake_id", "camera_id"], cameras))
    expected: int = made.rowcount  # type: ignore[attr-defined]
    if expected > MOST_EXPECTED:
        raise Invalid(f"More than {MOST_EXPECTED:,} cameras should be here. Count one site or dock at a time.")
    return expected


def subject_of(number: int) -> tuple[Subject, str]:
    return Subject.STOCKTAKE, str(number)


def locked(session: Session, number: int, *, shared: bool = False) -> Stocktake:
    """An open stocktake, which nobody ends meanwhile; not ``shared``, nobody scans into it either.

    Raises:
        NotFound
        StocktakeEnded
    """
    statement = sa.select(Stocktake).where(Stocktake.id == number).with_for_update(read=shared)
    stocktake = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if stocktake is None:
        raise NotFound(f"There is no stocktake {number}.", found={"stocktake": number})
    if not NEXT_STATE[stocktake.state]:
        raise StocktakeEnded(f"Stocktake {number} is {stocktake.state}; it never changes.", mend="store, by a new one")
    return stocktake


def scan(session: Session, actor: Actor, number: int, texts: Sequence[str], *, now: datetime) -> list[Outcome]:
    """Take in what was scanned, typed or read from a file: one outcome a text, in their order.

    A camera counts once, whoever scans it and however often, by serial or asset tag; the first scan wins.

    Raises:
        NotFound, StocktakeEnded
        Invalid: a text cannot be an identifier, or there are more than ``MOST_SCANS``.
    """
    stocktake = locked(session, number, shared=True)
    spelled = _spelled(texts)
    known = _known(session, stocktake, sorted(set(spelled)))
    scope = Scope(stocktake.site_id, stocktake.dock_id, stocktake.opened_at)
    times = Counter(known[text]["id"] if text in known else text for text in spelled)
    first_texts: dict[Any, str] = {}
    for text in spelled:
        first_texts.setdefault(known[text]["id"] if text in known else text, text)
    rows = [_row(text, known.get(text), times[of], scope) for of, text in first_texts.items()]
    kept = _keep(session, actor, stocktake.id, rows, now)
    return list(_outcomes(spelled, known, kept))


def _spelled(texts: Sequence[str]) -> list[str]:
    if len(texts) > MOST_SCANS:
        raise Invalid(f"At most {MOST_SCANS:,} scans at once. Send them in parts.", fields={"scans": ["are too many"]})
    spelled, wrong = [], []
    for place, text in enumerate(texts, 1):
        try:
            spelled.append(canonical(text))
        except ValueError as error:
            wrong.append(f"Scan {place} {error}.")
    if wrong:
        raise Invalid("Some scans cannot be used. Nothing was counted.", fields={"scans": wrong[:20]})
    return spelled


_KNOWN = """
SELECT wanted.text, camera.id, camera.serial, camera.custody, camera.custody_at, camera.home_dock_id, dock.site_id,
       EXISTS (
           SELECT FROM stocktake_expected AS e WHERE e.stocktake_id = :number AND e.camera_id = camera.id
       ) AS is_expected
FROM unnest(CAST(:texts AS text[])) AS wanted(text)
JOIN camera ON camera.{column} = wanted.text
LEFT JOIN dock ON dock.id = camera.home_dock_id
"""


def _known(session: Session, stocktake: Stocktake, texts: list[str]) -> dict[str, dict[str, Any]]:
    """What the register knows of the texts. A text that is one camera's serial and another's tag is the serial."""
    found: dict[str, dict[str, Any]] = {}
    for column in ("serial", "asset_tag"):
        left = [text for text in texts if text not in found]
        rows = session.execute(sa.text(_KNOWN.format(column=column)), {"number": stocktake.id, "texts": left})
        found |= {row.text: row_dict(row) for row in rows}
    return found


def _row(text: str, camera: dict[str, Any] | None, times: int, scope: Scope) -> dict[str, Any]:
    scanned = (
        None
        if camera is None
        else Scanned(
            camera["is_expected"], camera["site_id"], camera["home_dock_id"], camera["custody"], camera["custody_at"]
        )
    )
    return {"text": text, "camera": camera and camera["id"], "judgment": judge(scanned, scope), "times": times}


# In one order, so that two who post much at once never wait for each other in a circle.
_KEEP = """
INSERT INTO stocktake_scan AS kept (stocktake_id, scan, camera_id, judgment, times, scanned_at, scanned_by)
SELECT :number, scan, camera_id, judgment, times, :at, :by
FROM unnest(CAST(:scans AS text[]), CAST(:cameras AS bigint[]), CAST(:judgments AS text[]), CAST(:times AS int[]))
     AS sent(scan, camera_id, judgment, times)
ORDER BY camera_id, scan
ON CONFLICT (stocktake_id, {key}) WHERE camera_id IS {which}
DO UPDATE SET times = kept.times + excluded.times
RETURNING scan, camera_id, judgment, scanned_at, scanned_by, xmax = 0 AS is_new
"""
_KEEP_KNOWN = sa.text(_KEEP.format(key="camera_id", which="NOT NULL"))
_KEEP_UNKNOWN = sa.text(_KEEP.format(key="scan", which="NULL"))


def _keep(
    session: Session, actor: Actor, number: int, rows: list[dict[str, Any]], now: datetime
) -> dict[Any, dict[str, Any]]:
    """Write the scans down; what is kept of each, by the camera's number or the unknown text."""
    kept: dict[Any, dict[str, Any]] = {}
    for statement, is_known in ((_KEEP_KNOWN, True), (_KEEP_UNKNOWN, False)):
        some = [row for row in rows if (row["camera"] is not None) is is_known]
        values = {
            "number": number,
            "at": now,
            "by": actor.name,
            "scans": [row["text"] for row in some],
            "cameras": [row["camera"] for row in some],
            "judgments": [str(row["judgment"]) for row in some],
            "times": [row["times"] for row in some],
        }
        for row in session.execute(statement, values) if some else ():
            kept[row.camera_id or row.scan] = row_dict(row)
    return kept


def _outcomes(
    spelled: list[str], known: dict[str, dict[str, Any]], kept: dict[Any, dict[str, Any]]
) -> Iterator[Outcome]:
    seen = set()
    for text in spelled:
        camera = known.get(text)
        of = camera["id"] if camera else text
        row = kept[of]
        is_first = row["is_new"] and of not in seen
        seen.add(of)
        serial = camera["serial"] if camera else None
        judgment = Judgment(row["judgment"])
        yield Outcome(text, serial, judgment, is_first, row["scanned_by"], row["scanned_at"])


_PUT = aliased(Dock, name="put")
_WHERE = sa.func.coalesce(
    sa.select(_PUT.id).where(_PUT.serial == sa.bindparam("dock", type_=Identifier)).scalar_subquery(),
    sa.select(Camera.home_dock_id).where(Camera.id == sa.bindparam("camera_id")).scalar_subquery(),
)
_AT: sa.BindParameter[datetime] = sa.bindparam("at", type_=sa.DateTime(timezone=True))
_OPEN_HERE = Prepared(
    sa.select(Stocktake.id, Stocktake.name)
    .join(
        Dock,
        sa.or_(Stocktake.dock_id == Dock.id, sa.and_(Stocktake.dock_id.is_(None), Stocktake.site_id == Dock.site_id)),
    )
    .where(Stocktake.state == StocktakeState.OPEN, Stocktake.opened_at <= _AT, Dock.id == _WHERE)
    .order_by(Stocktake.id)
)


def see_return(session: Session, actor: Actor, camera: CameraNow, dock: str | None, *, now: datetime) -> list[str]:
    """Count a camera that came back over the counter in the open stocktakes there, and answer their names.

    Where it came back is the dock it was put into, else its home. ``now`` is when it came back, which a counter without
    a line may tell later: a stocktake that was opened after that did not see it. Whoever calls this holds the camera's
    lock.
    """
    there = _OPEN_HERE.all(session, dock=dock, camera_id=camera.id, at=now)
    for stocktake in there:
        scan(session, actor, stocktake["id"], [camera.serial], now=now)
    return [stocktake["name"] for stocktake in there]
