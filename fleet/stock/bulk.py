"""Bulk acts: first a preview that says for each camera what would be done or refused, then exactly that is carried out.

What was previewed is kept as rows. Carrying out takes a slice of them in one transaction and keeps what became of each
in the same one, so an act that was cut off goes on where it was, and nothing is done twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth.permissions import require
from fleet.cameras.models import Camera
from fleet.cameras.service import CAMERAS
from fleet.custody import holdings, many
from fleet.db import row_dict
from fleet.errors import Conflict, FleetError, Invalid, NotFound
from fleet.paging import Page, Paging
from fleet.settings import Policy
from fleet.stock.models import BulkAct, BulkItem
from fleet.stock.states import BulkOutcome, BulkVerb
from fleet.stock.verbs import VERBS, Doer, Task, Wanted

MOST_CAMERAS = 10_000
# In one transaction: what takes about a second, so that nobody waits long for the locks.
SLICE = 1_000
_PREVIEW_KEPT = timedelta(days=7)


def by_filter(session: Session, filters: Mapping[str, Any], *, now: datetime) -> list[tuple[str, Wanted]]:
    """The cameras that the camera list's filters find, in order of serial.

    Raises:
        Invalid: no filter is set, or more are found than one act takes.
    """
    if not any(value is not None for value in filters.values()):
        raise Invalid("Set a filter: a bulk act is not for the whole fleet.", fields={"filters": ["are empty"]})
    where = holdings.conditions(session, filters, now=now)
    found = holdings.CAMERA_ROWS.with_only_columns(Camera.serial, maintain_column_froms=True).where(*where)
    serials = session.scalars(found.order_by(Camera.serial).limit(MOST_CAMERAS + 1)).all()
    _require_few(len(serials))
    return [(serial, {}) for serial in serials]


def _require_few(number: int) -> None:
    if number > MOST_CAMERAS:
        raise Invalid(f"More than {MOST_CAMERAS:,} cameras at once. Narrow the filters, or do it in parts.")
    if number == 0:
        raise Invalid("No camera was found for this.", fields={"cameras": ["are none"]})


def preview(
    session: Session,
    actor: Actor,
    kind: BulkVerb,
    wanted: Wanted,
    rows: Sequence[tuple[str, Wanted]],
    *,
    policy: Policy,
    now: datetime,
) -> int:
    """Judge an act on each camera, in the order given, and keep the judgments; answer the act's number.

    ``wanted`` is what is to be done with all, each row a serial with what is wanted of that camera alone.

    Raises:
        Forbidden: whoever asks may not do the single act.
        Invalid: there are no cameras, or too many.
    """
    _require_few(len(rows))
    verb = VERBS[kind](Doer(session, actor, policy, now), wanted)
    require(actor, verb.permission)
    act = BulkAct(verb=kind, wanted=dict(wanted), asked_at=now, asked_by=actor.name)
    session.add(act)
    session.flush()
    items = []
    trial = session.begin_nested()
    try:
        facts = many.facts_of(session, [serial for serial, _ in rows])
        verb.prepare([Task(facts[serial], said) for serial, said in rows if serial in facts], lock=False)
        lines: dict[str, int] = {}
        for line, (serial, said) in enumerate(rows, 1):
            refused = _not_there(serial, facts, lines, line) or verb.refusal(Task(facts[serial], said))
            version = facts[serial].version if serial in facts else None
            items.append(_item(act.id, line, serial, said, version, refused))
    finally:
        trial.rollback()
    session.execute(sa.insert(BulkItem), items)
    if not any(item["outcome"] is BulkOutcome.READY for item in items):
        act.ended_at = now
    return act.id


def _not_there(serial: str, facts: Mapping[str, Any], lines: dict[str, int], line: int) -> FleetError | None:
    if (earlier := lines.setdefault(serial, line)) != line:
        return Conflict(f"{serial} is also on line {earlier}.", mend="you, by leaving one out")
    return None if serial in facts else CAMERAS.not_found(serial)


def _item(
    bulk_id: int, line: int, serial: str, said: Wanted, version: int | None, refused: FleetError | None
) -> dict[str, Any]:
    return {
        "bulk_id": bulk_id,
        "line": line,
        "serial": serial,
        "version": version,
        "wanted": dict(said),
        "outcome": BulkOutcome.REFUSED if refused else BulkOutcome.READY,
        "rule": refused.rule if refused else None,
        "what": refused.detail if refused else None,
        "mend": refused.mend if refused else None,
    }


def forget_previews(session: Session, *, now: datetime, at_once: int) -> int:
    """Remove some previews that nobody carried out within a week, and answer how many."""
    old = sa.select(BulkAct.id).where(BulkAct.begun_at.is_(None), BulkAct.asked_at < now - _PREVIEW_KEPT)
    some = old.order_by(BulkAct.asked_at).limit(at_once).with_for_update(skip_locked=True).cte()
    gone = sa.delete(BulkAct).where(BulkAct.id.in_(sa.select(some.c.id))).returning(BulkAct.id)
    return len(session.execute(gone, execution_options={"synchronize_session": False}).all())


def carry_out(session: Session, actor: Actor, number: int, *, policy: Policy, now: datetime) -> dict[str, Any]:
    """Do the next slice of what was previewed, and answer how the act stands; nothing is left, nothing is done.

    What has changed since the preview, or is refused by now, is skipped and said.

    Raises:
        NotFound
        Forbidden: whoever asks may not do the single act.
    """
    act = session.scalars(sa.select(BulkAct).where(BulkAct.id == number).with_for_update()).one_or_none()
    if act is None:
        raise _unknown(number)
    verb = VERBS[act.verb](Doer(session, actor, policy, now), act.wanted)
    require(actor, verb.permission)
    items = _next(session, number)
    if items:
        act.begun_at = act.begun_at or now
        serials = [item.serial for item in items]
        many.lock_cameras(session, serials)
        facts = many.facts_of(session, serials)
        tasks = {item.line: Task(facts[item.serial], item.wanted) for item in items}
        verb.prepare(list(tasks.values()), lock=True)
        outcomes = {item.line: _judged(item, tasks[item.line], verb) for item in items}
        done = [tasks[line] for line, refused in outcomes.items() if refused is None]
        if done:
            verb.carry_out(done)
        _keep(session, number, outcomes)
    _end(session, actor, act, now)
    return get(session, number)


def _unknown(number: int) -> NotFound:
    return NotFound(f"There is no bulk act {number}.", found={"bulk": number})


def _next(session: Session, number: int) -> list[sa.Row[Any]]:
    ready = sa.select(BulkItem.line, BulkItem.serial, BulkItem.version, BulkItem.wanted).where(
        BulkItem.bulk_id == number, BulkItem.outcome == BulkOutcome.READY
    )
    return list(session.execute(ready.order_by(BulkItem.line).limit(SLICE)))


def _judged(item: sa.Row[Any], task: Task, verb: Any) -> FleetError | None:
    if task.facts.version != item.version:
        return Conflict(f"{item.serial} has changed since the preview; nothing was done with it.", mend="you, anew")
    refused: FleetError | None = verb.refusal(task)
    return refused


_KEEP = sa.text(
    """
UPDATE bulk_item AS i SET outcome = became.outcome, rule = became.rule, what = became.what, mend = became.mend
FROM unnest(CAST(:lines AS int[]), CAST(:outcomes AS text[]), CAST(:rules AS int[]), CAST(:whats AS text[]),
            CAST(:mends AS text[])) AS became(line, outcome, rule, what, mend)
WHERE i.bulk_id = :number AND i.line = became.line
"""
)


def _keep(session: Session, number: int, outcomes: Mapping[int, FleetError | None]) -> None:
    refusals = list(outcomes.values())
    values = {
        "number": number,
        "lines": list(outcomes),
        "outcomes": [str(BulkOutcome.CHANGED if refused else BulkOutcome.DONE) for refused in refusals],
        "rules": [refused.rule if refused else None for refused in refusals],
        "whats": [refused.detail if refused else None for refused in refusals],
        "mends": [refused.mend if refused else None for refused in refusals],
    }
    session.execute(_KEEP, values)


def _end(session: Session, actor: Actor, act: BulkAct, now: datetime) -> None:
    if act.ended_at is not None:
        return
    counted = counts(session, act.id)
    if counted[BulkOutcome.READY]:
        return
    act.ended_at = now
    session.flush()
    facts: dict[str, Any] = {"verb": act.verb, "wanted": act.wanted}
    numbers: dict[str, Any] = {str(outcome): number for outcome, number in counted.items() if number}
    audit.record(session, actor, Event.BULK_DONE, (Subject.BULK, str(act.id)), at=now, **facts, **numbers)


def counts(session: Session, number: int) -> dict[BulkOutcome, int]:
    """How many cameras of an act have come to each outcome."""
    counted = sa.select(BulkItem.outcome, sa.func.count()).where(BulkItem.bulk_id == number).group_by(BulkItem.outcome)
    found = dict.fromkeys(BulkOutcome, 0)
    for outcome, how_many in session.execute(counted):
        found[outcome] = how_many
    return found


def get(session: Session, number: int) -> dict[str, Any]:
    """One act as plain data, with how many cameras are ``ready``, ``refused``, ``done``, ``changed``.

    Raises:
        NotFound
    """
    columns = ("id", "verb", "wanted", "asked_at", "asked_by", "begun_at", "ended_at")
    row = session.execute(sa.select(*(getattr(BulkAct, name) for name in columns)).where(BulkAct.id == number))
    found = row.one_or_none()
    if found is None:
        raise _unknown(number)
    return row_dict(found) | {"counts": {str(outcome): many for outcome, many in counts(session, number).items()}}


def items(session: Session, number: int, outcome: BulkOutcome | None, paging: Paging) -> Page:
    """The cameras of an act, in the order asked, with what became of each; only of one outcome if so wished."""
    columns = ("line", "serial", "wanted", "outcome", "rule", "what", "mend")
    statement = sa.select(*(getattr(BulkItem, name) for name in columns)).where(BulkItem.bulk_id == number)
    if outcome is not None:
        statement = statement.where(BulkItem.outcome == outcome)
    return paging.page(session, statement, [BulkItem.line.expression])
