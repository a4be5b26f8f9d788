"""Names and passwords, and the limit on guessing them.

A guess takes three steps, and this is the one service that opens transactions itself: it is counted as a failure
beforehand; its password is verified with no connection and no lock held; its outcome is written, and a success takes
back the count. So any number of guesses at once are counted before the first is verified, a process killed in between
has counted too much rather than too little, and a flood of guesses pins no connection.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import NOBODY, Actor
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account, AccountState, FailedSignIn, WebSession
from fleet.auth.names import spelled
from fleet.auth.service import account_actor, end_sessions, open_session
from fleet.db import Database
from fleet.errors import Invalid, TooMany, Unavailable

_WINDOW = timedelta(minutes=15)
# Failures within the window. One person mistyping reaches none; a list of passwords tried on one name, or one
# password on a list of names, reaches the second or third. Limits by name alone are high, since reaching them
# keeps the account's owner out.
_LIMITS = {"both": 5, "name": 50, "address": 100}
# A subscriber of IPv6 is given a /64 and may use any address of it (RFC 6177).
_SUBSCRIBER_BITS = 64
_FORGOTTEN_AT_ONCE = 100
# What the log calls an account that there is none of; what was typed may be somebody's password.
_UNKNOWN = "(unknown)"


class Cause(StrEnum):
    """Why a sign-in failed: for the log alone. Whoever tries is told nothing but that it failed."""

    UNKNOWN = "no such account"
    PASSWORD = "wrong password"  # noqa: S105 - a cause's name
    LOCKED = "locked"
    CLOSED = "closed"
    LAPSED = "one-time password lapsed"


@dataclass(frozen=True)
class Outcome:
    """A failure has no ``token``; it is an outcome, not an error, because its record must be kept."""

    token: str | None
    must_change: bool = False


@dataclass(frozen=True)
class _Guess:
    """A counted guess: ``failure`` is its row, ``password_hash`` what it must match, None without such an account."""

    name: str
    address: str
    failure: int
    password_hash: str | None


def sign_in(database: Database, *, name: str, password: str, address: str, lasts: timedelta, now: datetime) -> Outcome:
    """Check a name and password and open a session of the length ``lasts``; or note the failure.

    Raises:
        TooMany: too many failures of this name or from this address within a quarter of an hour.
        Unavailable: this process verifies as many passwords as it can already.
    """
    guess = _counted(database, spelled(name), address, now)
    with _taken_back_if_unavailable(database, guess):
        matches = _matches(guess, password)
    with database.transaction() as session:
        forget_old(session, now)
        account = _proven(session, guess, matches=matches, now=now)
        if account is None:
            return Outcome(None)
        audit.record(
            session, _actor(account), Event.SIGNED_IN, (Subject.ACCOUNT, account.name), at=now, address=address
        )
        return _opened(session, account, lasts, now)


def change_password(
    database: Database, actor: Actor, *, current: str, new: str, address: str, lasts: timedelta, now: datetime
) -> Outcome:
    """An account's own change of password. All its sessions end; the outcome has a new one.

    A wrong ``current`` is a failed guess like any other: whoever finds a browser signed in cannot try passwords there.

    Raises:
        Invalid: the new password will not do.
        TooMany, Unavailable: as for ``sign_in``.
    """
    name = actor.name.removeprefix("account:")
    _require_good(new, current=current, name=name)
    guess = _counted(database, name, address, now)
    with _taken_back_if_unavailable(database, guess):
        matches = _matches(guess, current)
        new_hash = secret.hash_password(new) if matches else None
    with database.transaction() as session:
        account = _proven(session, guess, matches=matches, now=now)
        if account is None or new_hash is None:
            return Outcome(None)
        return _changed(session, account, new_hash, lasts, now)


def confirm(database: Database, actor: Actor, *, password: str, address: str, now: datetime) -> bool:
    """Whether somebody who is signed in knows their account's password: before an act that a found browser must not do.

    A wrong one is a failed guess like any other.

    Raises:
        TooMany, Unavailable: as for ``sign_in``.
    """
    guess = _counted(database, actor.name.removeprefix("account:"), address, now)
    with _taken_back_if_unavailable(database, guess):
        matches = _matches(guess, password)
    with database.transaction() as session:
        return _proven(session, guess, matches=matches, now=now) is not None


def choose_password(database: Database, actor: Actor, *, new: str, lasts: timedelta, now: datetime) -> Outcome:
    """Replace a password that somebody else chose, which this actor's session was opened with.

    The outcome has no token when the account was locked, closed or reset in the meantime.

    Raises:
        Invalid: the new password will not do.
        Unavailable
    """
    name = actor.name.removeprefix("account:")
    _require_good(new, current=None, name=name)
    new_hash = secret.hash_password(new)
    with database.transaction() as session:
        account = _locked(session, name)
        if account is None or not account.is_open or account.one_time_until is None or actor.badge_only:
            return Outcome(None)
        return _changed(session, account, new_hash, lasts, now)


def _require_good(new: str, *, current: str | None, name: str) -> None:
    problem = secret.weakness(new, name=name)
    if problem is None and new == current:
        problem = "Choose a password that differs from the one now."
    if problem is not None:
        raise Invalid(problem, fields={"new_password": [problem]})


def _changed(session: Session, account: Account, new_hash: str, lasts: timedelta, now: datetime) -> Outcome:
    account.password_hash = new_hash
    account.one_time_until = None
    end_sessions(session, account.id)
    audit.record(session, _actor(account), Event.PASSWORD_CHANGED, (Subject.ACCOUNT, account.name), at=now)
    return _opened(session, account, lasts, now)


def _opened(session: Session, account: Account, lasts: timedelta, now: datetime) -> Outcome:
    token = open_session(session, account.id, lasts=lasts, now=now)
    return Outcome(token, must_change=account.one_time_until is not None)


def _actor(account: Account) -> Actor:
    return account_actor(account.name, account.role, account.collar)


def _matches(guess: _Guess, password: str) -> bool:
    return secret.password_matches(guess.password_hash, password[: secret.LONGEST_PASSWORD + 1])


@contextmanager
def _taken_back_if_unavailable(database: Database, guess: _Guess) -> Iterator[None]:
    try:
        yield
    except Unavailable:
        with database.transaction() as session:
            _take_back(session, guess)
        raise


@contextmanager
def guessing(database: Database, what: str, address: str, *, now: datetime) -> Iterator[None]:
    """Within it something is tried that is good once: it counts as a failure of the address unless it succeeds.

    Each address has its own limit, so that nobody can keep others from it.

    Raises:
        TooMany
    """
    guess = _counted(database, f"{what} {_subscriber(address)}", address, now)
    yield
    with database.transaction() as session:
        _take_back(session, guess)


def _counted(database: Database, name: str, address: str, now: datetime) -> _Guess:
    hidden, network = _hidden(name), _subscriber(address)
    with database.transaction() as session:
        # Once without waiting, so that a flood past its limit queues for nothing.
        _require_patience(session, hidden, network, now)
        _one_at_a_time(session, hidden, network)
        _require_patience(session, hidden, network, now)
        failure = FailedSignIn(name=hidden, address=network, at=now)
        session.add(failure)
        password_hash = session.scalars(sa.select(Account.password_hash).where(Account.name == name)).one_or_none()
        session.flush()
        return _Guess(name, address, failure.id, password_hash)


def _subscriber(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _SUBSCRIBER_BITS), strict=False))


def _one_at_a_time(session: Session, name: str, address: str) -> None:
    # Always the name's lock first, then the address's, so that no two wait for one another.
    for what in (f"sign-in name {name}", f"sign-in address {address}"):
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(what, 0))))


def _require_patience(session: Session, name: str, address: str, now: datetime) -> None:
    recent = FailedSignIn.at > now - _WINDOW
    by_name, by_address = FailedSignIn.name == name, FailedSignIn.address == address
    counts = session.execute(
        sa.select(
            sa.func.count().filter(by_name & by_address).label("both"),
            sa.func.count().filter(by_name).label("name"),
            sa.func.count().filter(by_address).label("address"),
        ).where(recent, by_name | by_address)
    ).one()
    if any(counts._mapping[what] >= limit for what, limit in _LIMITS.items()):
        # Not logged: the failures that led here are, and a flood must not be able to fill the log.
        detail = "Too many failed sign-ins. Wait a quarter of an hour, or ask an administrator for help."
        raise TooMany(detail, retry_after=int(_WINDOW.total_seconds()))


def _proven(session: Session, guess: _Guess, *, matches: bool, now: datetime) -> Account | None:
    """The account, locked, if the guess was right and it may be used; else the failure stands and is logged."""
    account = _locked(session, guess.name)
    cause = _why_not(account, guess, matches=matches, now=now)
    if cause is None:
        _take_back(session, guess)
        return account
    key = _UNKNOWN if account is None else account.name
    facts = {"address": guess.address, "cause": cause}
    audit.record(session, NOBODY, Event.SIGN_IN_REFUSED, (Subject.ACCOUNT, key), at=now, **facts)
    return None


def _locked(session: Session, name: str) -> Account | None:
    # Waits for a lock, a reset or a leaver that is under way, which would otherwise miss the session opened here.
    return session.scalars(sa.select(Account).where(Account.name == name).with_for_update()).one_or_none()


def _why_not(account: Account | None, guess: _Guess, *, matches: bool, now: datetime) -> Cause | None:
    if account is None:
        return Cause.UNKNOWN
    if not matches or account.password_hash != guess.password_hash:
        return Cause.PASSWORD
    if account.state is not AccountState.OPEN:
        return Cause.LOCKED if account.state is AccountState.LOCKED else Cause.CLOSED
    lapsed = account.one_time_until is not None and account.one_time_until < now
    return Cause.LAPSED if lapsed else None


def _take_back(session: Session, guess: _Guess) -> None:
    session.execute(sa.delete(FailedSignIn).where(FailedSignIn.id == guess.failure))


def forgive(session: Session, name: str) -> None:
    """Forget the failures of a name, when its owner was helped: they need not wait."""
    session.execute(sa.delete(FailedSignIn).where(FailedSignIn.name == _hidden(name)))


def _hidden(name: str) -> str:
    return secret.digest(name).hex()


def forget_old(session: Session, now: datetime, *, at_once: int = _FORGOTTEN_AT_ONCE) -> int:
    """Remove some sessions that are over and some failures that no longer count, and answer how many.

    At most ``at_once`` of each kind are looked at, so that it takes little time.
    """
    over = sa.select(WebSession.id).where(WebSession.expires_at < now).order_by(WebSession.expires_at)
    # Failures arrive in the order of time, so the oldest are the first; no index on time is needed.
    first = sa.select(FailedSignIn.id).order_by(FailedSignIn.id)
    removed = 0
    for model, some, old in (
        (WebSession, over, WebSession.expires_at < now),
        (FailedSignIn, first, FailedSignIn.at < now - _WINDOW),
    ):
        chosen = some.limit(at_once).with_for_update(skip_locked=True)
        gone = sa.delete(model).where(model.id.in_(chosen), old).returning(model.id)
        removed += len(session.execute(gone).all())
    return removed
