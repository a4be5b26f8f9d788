"""Recognising people and machines: sign-in, sessions, badges, bearer tokens."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account, ApiToken, FailedSignIn, WebSession
from fleet.auth.permissions import ROLE_PERMISSIONS, Permission
from fleet.db import Prepared
from fleet.errors import Forbidden, TooMany, Unauthenticated

_WINDOW = timedelta(minutes=15)
# Failures within the window. One person mistyping reaches none; a list of passwords tried on one name, or one
# password on a list of names, reaches the second or third. Limits by name alone are high, since reaching them
# keeps the account's owner out.
_LIMITS = {"both": 5, "name": 50, "address": 100}


@dataclass(frozen=True)
class SignedIn:
    """A recognised browser. ``must_change`` while its password is one that somebody else chose."""

    actor: Actor
    session_id: int
    must_change: bool
    acted_at: datetime
    locked_at: datetime | None


@dataclass(frozen=True)
class SignInOutcome:
    """A sign-in that failed has no ``token``; it is an outcome, not an error, because its record must be kept."""

    token: str | None
    must_change: bool = False


def account_actor(name: str, role: Role, collar: str | None, *, badge_only: bool = False) -> Actor:
    return Actor(f"account:{name}", role, collar, badge_only=badge_only)


def sign_in(
    session: Session, *, name: str, password: str, address: str, lasts: timedelta, now: datetime
) -> SignInOutcome:
    """Check a name and password and open a session; or note the failure.

    Raises:
        TooMany: too many failures of this name or from this address within a quarter of an hour.
    """
    name = name.strip().lower()[:100]
    _require_patience(session, name, address, now)
    account = session.scalars(sa.select(Account).where(Account.name == name)).one_or_none()
    matches = secret.password_matches(account.password_hash if account else None, password)
    if account is None or not matches or not account.is_open or _lapsed(account, now):
        session.add(FailedSignIn(name=name, address=address, at=now))
        nobody = Actor("nobody")
        audit.record(session, nobody, Event.SIGN_IN_REFUSED, (Subject.ACCOUNT, name), at=now, address=address)
        return SignInOutcome(None)
    token = _open(session, account, lasts, now)
    actor = account_actor(account.name, account.role, account.collar)
    audit.record(session, actor, Event.SIGNED_IN, (Subject.ACCOUNT, name), at=now, address=address)
    return SignInOutcome(token, must_change=account.one_time_until is not None)


def _lapsed(account: Account, now: datetime) -> bool:
    return account.one_time_until is not None and account.one_time_until < now


def _require_patience(session: Session, name: str, address: str, now: datetime) -> None:
    # One at a time for a name, so that many guesses at once are counted too.
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"sign-in {name}", 0))))
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
        detail = "Too many failed sign-ins. Wait a quarter of an hour, or ask an administrator to reset your password."
        raise TooMany(detail, retry_after=int(_WINDOW.total_seconds()))


def _open(session: Session, account: Account, lasts: timedelta, now: datetime) -> str:
    token = secret.new_token("session")
    session.add(
        WebSession(
            token_hash=secret.digest(token),
            account_id=account.id,
            created_at=now,
            acted_at=now,
            expires_at=now + lasts,
        )
    )
    return token


def recognise_browser(session: Session, token: str, now: datetime) -> SignedIn:
    """Whose browser this is.

    Raises:
        Unauthenticated: the session is unknown or over, or its account was locked or closed.
    """
    hashed = secret.digest(token)
    row = session.execute(
        sa.select(
            WebSession.id,
            WebSession.token_hash,
            WebSession.badge_only,
            WebSession.acted_at,
            WebSession.locked_at,
            Account.name,
            Account.role,
            Account.collar,
            Account.one_time_until,
        )
        .join(Account, Account.id == WebSession.account_id)
        .where(
            WebSession.token_hash == hashed,
            WebSession.expires_at > now,
            Account.locked_at.is_(None),
            Account.closed_at.is_(None),
        )
    ).one_or_none()
    if row is None or not hmac.compare_digest(row.token_hash, hashed):
        raise Unauthenticated("Your session is over. Sign in again.")
    actor = account_actor(row.name, row.role, row.collar, badge_only=row.badge_only)
    return SignedIn(actor, row.id, row.one_time_until is not None, row.acted_at, row.locked_at)


_TOKEN = Prepared(
    sa.select(ApiToken.name, ApiToken.role, ApiToken.token_hash).where(
        ApiToken.token_hash == sa.bindparam("hashed"),
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > sa.bindparam("now"),
    )
)


def recognise_token(session: Session, token: str, now: datetime) -> Actor:
    """Which machine this is.

    Raises:
        Unauthenticated: the token is unknown, expired or revoked.
    """
    hashed = secret.digest(token)
    row = _TOKEN.one(session, hashed=hashed, now=now)
    if row is None or not hmac.compare_digest(row["token_hash"], hashed):
        raise Unauthenticated("This token is unknown, expired or revoked.")
    return Actor(f"token:{row['name']}", Role(row["role"]))


def sign_out(session: Session, actor: Actor, session_id: int, *, now: datetime) -> None:
    """End a browser's session."""
    session.execute(sa.delete(WebSession).where(WebSession.id == session_id))
    audit.record(session, actor, Event.SIGNED_OUT, (Subject.ACCOUNT, actor.name), at=now)


def end_sessions(session: Session, account_id: int) -> None:
    """End every session of an account, as after a reset, a lock or a leaver."""
    session.execute(sa.delete(WebSession).where(WebSession.account_id == account_id))


def note_act(session: Session, session_id: int, now: datetime) -> None:
    """The counter was used just now, so it is not idle."""
    session.execute(sa.update(WebSession).where(WebSession.id == session_id).values(acted_at=now))


def lock_counter(session: Session, actor: Actor, session_id: int, *, now: datetime) -> None:
    """Lock a counter until a badge is scanned or a password given."""
    locked = sa.update(WebSession).where(WebSession.id == session_id, WebSession.locked_at.is_(None))
    if session.execute(locked.values(locked_at=now).returning(WebSession.id)).scalar() is not None:
        audit.record(session, actor, Event.COUNTER_LOCKED, (Subject.ACCOUNT, actor.name), at=now)


def change_clerk(session: Session, actor: Actor, session_id: int, badge: str, *, now: datetime) -> Account:
    """Hand a shared counter, locked or not, to the clerk whose badge was scanned.

    What the session may do shrinks to the counter's own work: a badge proves less than a password does.

    Raises:
        Forbidden: the badge is unknown, or its account may not use the counter.
    """
    account = session.scalars(sa.select(Account).where(Account.badge_hash == secret.digest(badge))).one_or_none()
    if account is None or not account.is_open:
        raise Forbidden("This badge is not known. Sign in with a password, or ask for a new badge.")
    if Permission.COUNTER_USE not in ROLE_PERMISSIONS[account.role]:
        raise Forbidden(f"{account.name} may not use the counter.", mend="admin")
    session.execute(
        sa.update(WebSession)
        .where(WebSession.id == session_id)
        .values(
            account_id=account.id,
            badge_only=sa.or_(WebSession.badge_only, WebSession.account_id != account.id),
            acted_at=now,
            locked_at=None,
        )
    )
    to = account_actor(account.name, account.role, account.collar, badge_only=True)
    audit.record(session, to, Event.CLERK_CHANGED, (Subject.ACCOUNT, account.name), at=now, was=actor.name)
    return account
