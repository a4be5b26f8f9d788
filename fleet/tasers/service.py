"""The register of Tasers and their life cycle. What is found of them is in ``register``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.errors import Conflict
from fleet.people.service import PEOPLE
from fleet.register import Kind
from fleet.sites.service import SITES
from fleet.tasers import identities, pairings
from fleet.tasers.models import Taser, TaserModel, TaserReport
from fleet.tasers.states import (
    ENDS_IDENTITY,
    NEXT_TASER_CUSTODY,
    NOT_BY_HAND,
    Because,
    DeviceKind,
    TaserCustody,
)

TASERS = Kind(Taser, Subject.TASER, Event.TASER_REGISTERED, Event.TASER_CHANGED)

# What counts only when the device itself has said it (rule 1).
_LEVELS = frozenset({"firmware", "bluetooth"})


class TaserStands(Conflict):
    """The Taser's life cycle has no such step (rule 9)."""


def register(session: Session, actor: Actor, values: Mapping[str, Any], *, now: datetime) -> Taser:
    """Add a Taser.

    Raises:
        Conflict: rule 2: an X26 with an SPPM; or the serial or SPPM is taken.
        Invalid: there is no such site or officer.
    """
    columns = _columns(session, values)
    held = columns.get("holder_id") is not None
    row = Taser(**columns, custody=TaserCustody.ISSUED if held else TaserCustody.REGISTERED, custody_at=now)
    _require_no_sppm_on_an_x26(row.model, row.sppm)
    return TASERS.enlist(session, actor, row, now=now, model=row.model, sppm=row.sppm, officer=values.get("holder"))


def revise(
    session: Session, actor: Actor, serial: str, values: Mapping[str, Any], *, at_version: int | None, now: datetime
) -> Taser:
    """Change what is written about a Taser, and who has it.

    Another magazine, or another officer, suspends its pairings. Levels typed here are recorded, not reported (rule 1).

    Raises:
        NotFound, Conflict, Stale, Invalid
        TaserStands: rule 9: it is somewhere from where nobody can be given it.
    """
    was = TASERS.lock(session, serial)
    shown = _shown(was, values)
    _require_no_sppm_on_an_x26(values.get("model", was.model), values.get("sppm", was.sppm))
    columns = _columns(session, values)
    if _LEVELS & columns.keys():
        columns["levels_reported_at"] = None
    if "holder_id" in columns:
        columns |= _custody_with(session, was, columns["holder_id"], now)
    row = TASERS.revise(session, actor, serial, columns, at_version=at_version, now=now, shown=shown)
    pairings.magazines_changed(session, actor, [row.id], now=now)
    if columns.get("holder_id") is not None:
        pairings.taser_given_to(session, actor, row.id, columns["holder_id"], now=now)
    return row


def _shown(was: Taser, values: Mapping[str, Any]) -> dict[str, Any]:
    site, holder = was.home_site and was.home_site.code, was.holder and was.holder.collar
    return {
        "home_site_id": [site, values.get("home_site")],
        "holder_id": [holder, values.get("holder")],
    }


def _custody_with(session: Session, was: Taser, holder_id: int | None, now: datetime) -> dict[str, Any]:
    """The custody that goes with a holder: issued with one; returned, or to be read first, without."""
    if holder_id == was.holder_id:
        return {}
    custody = TaserCustody.ISSUED if holder_id is not None else after_return(session, was.id)
    if was.custody is not custody:
        _require_step(was, custody)
    return {"custody": custody, "custody_at": now}


def after_return(session: Session, taser_id: int) -> TaserCustody:
    """Where a returned Taser goes: one that was used waits until its log is read (¶17)."""
    report = session.get(TaserReport, taser_id)
    if report is None or report.activated_at is None:
        return TaserCustody.RETURNED
    unread = report.log_read_at is None or report.log_read_at < report.activated_at
    return TaserCustody.AWAITING_DOWNLOAD if unread else TaserCustody.RETURNED


def _require_step(was: Taser, to: TaserCustody) -> None:
    if to in NEXT_TASER_CUSTODY[was.custody]:
        return
    what = f"{was.serial} is {was.custody.replace('_', ' ')} and does not become {to.replace('_', ' ')}."
    possible = sorted(NEXT_TASER_CUSTODY[was.custody] - NOT_BY_HAND)
    raise TaserStands(what, rule=9, found={"custody": str(was.custody), "possible": possible}, mend="armourer")


def move(
    session: Session, actor: Actor, serial: str, to: TaserCustody, *, note: str | None = None, now: datetime
) -> None:
    """Change the custody of a Taser by hand. Lost, stolen and retired end its identity and every pairing at once.

    Raises:
        NotFound
        TaserStands: rule 9: not a step that is done by hand.
    """
    taser = TASERS.lock(session, serial)
    if to in NOT_BY_HAND:
        what = f"Nobody makes a Taser {to.replace('_', ' ')} by hand: issue, return and reading its log do."
        raise TaserStands(what, rule=9, found={"custody": str(taser.custody)}, mend="armourer")
    _require_step(taser, to)
    _put(session, actor, taser, to, note, now)
    if to in ENDS_IDENTITY:
        revoke(session, actor, taser, to, now=now)


def _put(session: Session, actor: Actor, taser: Taser, to: TaserCustody, note: str | None, now: datetime) -> None:
    holder = taser.holder.collar if taser.holder is not None else None
    was, taser.custody, taser.custody_at, taser.holder_id = taser.custody, to, now, None
    session.flush()
    session.expire(taser, ["holder"])
    subject, changed = TASERS.subject_of(taser), [str(was), str(to)]
    audit.record(session, actor, Event.TASER_MOVED, subject, at=now, officer=holder, custody=changed, note=note)


def revoke(session: Session, actor: Actor, taser: Taser, to: TaserCustody, *, now: datetime) -> None:
    """Make whatever identity and pairing the Taser was given so far count no longer, for good."""
    taser.revoked_at = now
    because = Because.DEVICE_RETIRED if to is TaserCustody.RETIRED else Because.DEVICE_GONE
    if taser.sppm is not None:
        holder = DeviceKind.TASER, taser.sppm
        identities.revoke(session, actor, *holder, f"the Taser is {to}", about=TASERS.subject_of(taser), now=now)
    pairings.end(session, actor, pairings.of_taser(session, taser.id), because, now=now)


def read_to_end(session: Session, actor: Actor, serial: str, *, now: datetime) -> None:
    """Note that a Taser's log was read to its end; one that waited for that is reconciled."""
    taser = TASERS.lock(session, serial)
    note_report(session, taser.id, {"log_read_at": now}, now=now)
    if taser.custody is TaserCustody.AWAITING_DOWNLOAD:
        _put(session, actor, taser, TaserCustody.RECONCILED, "its log was read", now)


def record_levels(session: Session, actor: Actor, serial: str, said: Mapping[str, Any], *, now: datetime) -> None:
    """Keep the levels that a Taser itself reported: ``firmware``, ``bluetooth`` (rule 1)."""
    taser = TASERS.lock(session, serial)
    if any(getattr(taser, name) != value for name, value in said.items()):
        TASERS.revise(session, actor, serial, said, at_version=None, now=now)
    session.execute(sa.update(Taser).where(Taser.id == taser.id).values(levels_reported_at=now))


def note_report(session: Session, taser_id: int, said: Mapping[str, Any], *, now: datetime) -> None:
    """Keep what a Taser says of itself; what it does not mention stays. ``said`` has names of ``TaserReport``."""
    changed = {**said, "last_seen_at": now}
    statement = insert(TaserReport).values(taser_id=taser_id, **changed)
    session.execute(statement.on_conflict_do_update(index_elements=["taser_id"], set_=changed))


def note_activation(session: Session, taser_id: int, at: datetime) -> None:
    """Note that a Taser was used, if it was not known to be used later than that."""
    statement = insert(TaserReport).values(taser_id=taser_id, activated_at=at)
    later = sa.func.greatest(TaserReport.activated_at, statement.excluded.activated_at)
    session.execute(statement.on_conflict_do_update(index_elements=["taser_id"], set_={"activated_at": later}))


def _require_no_sppm_on_an_x26(model: TaserModel, sppm: str | None) -> None:
    if model is TaserModel.X26 and sppm is not None:
        raise Conflict("An X26 has no SPPM and cannot pair; only an X2 takes one.", rule=2, found={"model": model})


def _columns(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "home_site" in columns:
        columns["home_site_id"] = SITES.id_of(session, columns.pop("home_site"), "home_site")
    if "holder" in columns:
        columns["holder_id"] = PEOPLE.id_of(session, columns.pop("holder"), "holder")
    return columns
