"""Recognising people and machines: sessions, badges, bearer tokens. Passwords are in ``sign_in``."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account, ApiToken, WebSession
from fleet.auth.permissions import ROLE_PERMISSIONS, Permission
from fleet.db import Prepared
from fleet.errors import Evidence, Forbidden, Unauthenticated


@dataclass(frozen=True)
class SignedIn:
    """A recognised browser.

    ``must_change`` while its password is one that somebody else chose. ``acted_at`` is when a counter was last used,
    None for a browser that is no counter; ``is_locked`` when it was locked, or left alone for too long.
    """

    actor: Actor
    session_id: int
    must_change: bool
    acted_at: datetime | None
    is_locked: bool


def account_actor(name: str, role: Role, collar: str | None, *, badge_only: bool = False) -> Actor:
    return Actor(f"account:{name}", role, collar, badge_only=badge_only)


def open_session(session: Session, account_id: int, *, lasts: timedelta, now: datetime) -> str:
    """A new browser session of an account, and the token to recognise it by."""
    token = secret.new_token("session")
    hashed = secret.digest(token)
    session.add(WebSession(token_hash=hashed, account_id=account_id, created_at=now, expires_at=now + lasts))
    return token


_BROWSER = Prepared(
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
        WebSession.token_hash == sa.bindparam("hashed"),
        WebSession.expires_at > sa.bindparam("now"),
        Account.locked_at.is_(None),
        Account.closed_at.is_(None),
    )
)


def recognise_browser(session: Session, token: str, now: datetime, *, idle: timedelta = timedelta.max) -> SignedIn:
    """Whose browser this is; a counter that was left alone for longer than ``idle`` is locked.

    Raises:
        Unauthenticated: the session is unknown or over, or its account was locked or closed.
    """
    hashed = secret.digest(token)
    row = _BROWSER.one(session, hashed=hashed, now=now)
    if row is None or not hmac.compare_digest(row["token_hash"], hashed):
        raise Unauthenticated("Your session is over. Sign in again.")
    actor = account_actor(row["name"], Role(row["role"]), row["collar"], badge_only=row["badge_only"])
    # A badge says nothing of the password, and may not choose one.
    must_change = row["one_time_until"] is not None and not row["badge_only"]
    acted_at = row["acted_at"]
    is_left = acted_at is not None and now - acted_at > idle
    return SignedIn(actor, row["id"], must_change, acted_at, is_locked=is_left or row["locked_at"] is not None)


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


def sign_out(session: Session, token: str, *, now: datetime) -> None:
    """End a browser's session; one that is over already is left at that."""
    try:
        signed_in = recognise_browser(session, token, now)
    except Unauthenticated:
        return
    session.execute(sa.delete(WebSession).where(WebSession.id == signed_in.session_id))
    audit.record(session, signed_in.actor, Event.SIGNED_OUT, account_of(signed_in.actor), at=now)


def account_of(actor: Actor) -> tuple[Subject, str]:
    """The account that acts, as the log's subject."""
    return Subject.ACCOUNT, actor.name.removeprefix("account:")


def end_sessions(session: Session, account_id: int, *, of_badge_only: bool = False) -> None:
    """End every session of an account, as after a reset, a lock or a leaver; or those that its badge was shown to."""
    theirs = sa.delete(WebSession).where(WebSession.account_id == account_id)
    session.execute(theirs.where(WebSession.badge_only) if of_badge_only else theirs)


def note_act(session: Session, session_id: int, now: datetime) -> None:
    """The counter was used just now, so it is not idle."""
    session.execute(sa.update(WebSession).where(WebSession.id == session_id).values(acted_at=now))


def lock_counter(session: Session, actor: Actor, session_id: int, *, now: datetime) -> None:
    """Lock a counter until a badge is scanned or a password given."""
    locked = sa.update(WebSession).where(WebSession.id == session_id, WebSession.locked_at.is_(None))
    if session.execute(locked.values(locked_at=now).returning(WebSession.id)).scalar() is not None:
        audit.record(session, actor, Event.COUNTER_LOCKED, account_of(actor), at=now)


def change_clerk(session: Session, actor: Actor, session_id: int, badge: str, *, now: datetime) -> Account:
    """Hand a shared counter, locked or not, to the clerk whose badge was scanned.

    What the session may do shrinks to the counter's own work, since a badge proves less than a password does, and stays
    so until the next sign-in; but whoever opened it by password and shows their own badge to it loses nothing.

    Raises:
        Forbidden: the badge is unknown, or its account may not use the counter. The log keeps it.
    """
    account = _shown_by(session, badge)
    if account is None or not account.is_open:
        unknown = "This badge is not known. Sign in with a password, or ask for a new badge."
        raise Forbidden(unknown, mend="admin", evidence=_refused(account_of(actor)[1]))
    if Permission.COUNTER_USE not in ROLE_PERMISSIONS[account.role]:
        raise Forbidden(f"{account.name} may not use the counter.", mend="admin", evidence=_refused(account.name))
    another = WebSession.account_id != account.id
    shown = sa.update(WebSession).where(WebSession.id == session_id)
    session.execute(
        shown.values(
            account_id=account.id, badge_only=sa.or_(WebSession.badge_only, another), acted_at=now, locked_at=None
        )
    )
    to = account_actor(account.name, account.role, account.collar, badge_only=True)
    audit.record(session, to, Event.CLERK_CHANGED, (Subject.ACCOUNT, account.name), at=now, was=actor.name)
    return account


def _shown_by(session: Session, badge: str) -> Account | None:
    # Waits for a lock, a leaver or a new badge that is under way, which would otherwise miss this session.
    theirs = sa.select(Account).where(Account.badge_hash == secret.badge_digest(badge))
    return session.scalars(theirs.with_for_update(read=True)).one_or_none()


def _refused(name: str) -> Evidence:
    return Evidence(Event.SIGN_IN_REFUSED, Subject.ACCOUNT, name)
