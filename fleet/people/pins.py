"""Officers' PINs: what they type at a shared counter in place of a signature.

A try takes three steps, as a sign-in does: it is counted as wrong beforehand, its hash is verified with no row locked,
and a right one takes the count back. So any number of tries at once are counted before the first is verified, and a
process killed in between has counted too much rather than too little.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.permissions import Permission, require
from fleet.db import Database
from fleet.errors import Conflict, Evidence, Forbidden, Invalid, TooMany
from fleet.people.models import OfficerPin, Person
from fleet.people.service import PEOPLE

LEAST_DIGITS, MOST_DIGITS = 6, 12
_FEWEST_DIFFERENT = 3
# Wrong tries in a row: at every fifth there is a wait, at the tenth it ends until the PIN is set anew. Of a million
# PINs whoever finds an officer's collar number tries ten.
_PAUSE_EVERY, _PAUSE = 5, timedelta(minutes=15)
_LAST = 10
_RUNS = "0123456789" * 3
_DIGITS = re.compile(r"[0-9]+")


def weakness(pin: str, *, collar: str) -> str | None:
    """Why a PIN cannot be chosen, or None."""
    if not _DIGITS.fullmatch(pin) or not LEAST_DIGITS <= len(pin) <= MOST_DIGITS:
        return f"Choose a PIN of {LEAST_DIGITS} to {MOST_DIGITS} digits."
    half = pin[: len(pin) // 2]
    is_run = pin in _RUNS or pin[::-1] in _RUNS
    own = "".join(_DIGITS.findall(collar))
    if is_run or len(set(pin)) < _FEWEST_DIFFERENT or pin == half * 2 or _is_of(own, pin):
        return "This PIN is easily guessed. Choose one that is no run, does not repeat itself, and is not your number."
    return None


def _is_of(own: str, pin: str) -> bool:
    """Whether a PIN is an officer's own number, also with zeros before or after it."""
    return bool(own.strip("0")) and pin.strip("0") == own.strip("0")


def choose(session: Session, actor: Actor, collar: str, pin: str, *, now: datetime) -> None:
    """An officer's own choice of PIN, in place of one before it, if any. Whose account acts is the caller's to check.

    Raises:
        NotFound: no such officer.
        Invalid: it is easily guessed.
        Unavailable: too many secrets are being hashed in this process already.
    """
    problem = weakness(pin, collar=collar)
    if problem is not None:
        raise Invalid(problem, fields={"pin": [problem]})
    values = {"pin_hash": secret.hash_password(pin), "set_at": now, "failures": 0, "failed_at": None}
    statement = insert(OfficerPin).values(person_id=PEOPLE.get(session, collar).id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["person_id"], set_=values))
    audit.record(session, actor, Event.PIN_SET, (Subject.PERSON, collar), at=now, officer=collar)


def reset(session: Session, actor: Actor, collar: str, *, now: datetime) -> None:
    """Take an officer's PIN away, locked or not: they choose another.

    Raises:
        NotFound: no such officer.
        Conflict: there is no PIN to take away.
    """
    require(actor, Permission.PIN_RESET)
    person = PEOPLE.get(session, collar)
    gone = sa.delete(OfficerPin).where(OfficerPin.person_id == person.id).returning(OfficerPin.person_id)
    if session.execute(gone).scalar() is None:
        raise Conflict(f"{collar} has no PIN.")
    audit.record(session, actor, Event.PIN_RESET, (Subject.PERSON, collar), at=now, officer=collar)


def standing(session: Session, collar: str) -> str:
    """What an officer's PIN is: ``none``, ``set`` or ``locked``."""
    statement = sa.select(OfficerPin.failures).join(Person, Person.id == OfficerPin.person_id)
    failures = session.scalars(statement.where(Person.collar == collar)).one_or_none()
    if failures is None:
        return "none"
    return "locked" if failures >= _LAST else "set"


def prove(database: Database, collar: str, pin: str, *, now: datetime) -> None:
    """Let pass who knows the officer's PIN.

    Raises:
        Conflict: the officer has none, or it is locked.
        TooMany: five wrong tries in a row; a quarter of an hour has to pass.
        Forbidden: the PIN is wrong, which the log keeps.
        Unavailable: this process verifies as many secrets as it can already. The try does not count.
    """
    person_id, pin_hash = _counted(database, collar, now)
    try:
        matches = secret.password_matches(pin_hash, pin[: MOST_DIGITS + 1])
    except Exception:
        _forgive(database, person_id, all_of_them=False)
        raise
    if not matches:
        evidence = Evidence(Event.PIN_REFUSED, Subject.PERSON, collar, collar)
        raise Forbidden("This is not the officer’s PIN. Try again, or sign.", mend="the officer", evidence=evidence)
    _forgive(database, person_id, all_of_them=True)


def prover(database: Database, *, now: datetime) -> Callable[[str, str], None]:
    """``prove`` as an act takes it that may want a PIN: a function of a collar number and what was typed."""
    return lambda collar, pin: prove(database, collar, pin, now=now)


def _counted(database: Database, collar: str, now: datetime) -> tuple[int, str]:
    with database.transaction() as session:
        statement = sa.select(OfficerPin).join(Person, Person.id == OfficerPin.person_id).where(Person.collar == collar)
        row = session.scalars(statement.with_for_update(of=OfficerPin)).one_or_none()
        if row is None:
            raise Conflict(f"{collar} has no PIN. Sign instead; a PIN is chosen under My kit.", mend="the officer")
        _require_patience(row, collar, now)
        row.failures += 1
        row.failed_at = now
        return row.person_id, row.pin_hash


def _require_patience(row: OfficerPin, collar: str, now: datetime) -> None:
    if row.failures >= _LAST:
        raise Conflict(f"The PIN of {collar} is locked after {_LAST} wrong tries. Sign instead.", mend="supervisor")
    must_wait = row.failures and row.failures % _PAUSE_EVERY == 0
    # A clock that went back must not keep an officer waiting for longer.
    if must_wait and row.failed_at is not None and abs(now - row.failed_at) < _PAUSE:
        raise TooMany(
            f"Too many wrong PINs of {collar}. Sign instead, or wait a quarter of an hour.",
            retry_after=int(_PAUSE.total_seconds()),
        )


def _forgive(database: Database, person_id: int, *, all_of_them: bool) -> None:
    left = 0 if all_of_them else sa.func.greatest(OfficerPin.failures - 1, 0)
    with database.transaction() as session:
        session.execute(sa.update(OfficerPin).where(OfficerPin.person_id == person_id).values(failures=left))
