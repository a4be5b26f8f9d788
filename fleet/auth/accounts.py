"""Accounts and tokens from their making to their end."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account, ApiToken
from fleet.auth.service import end_sessions
from fleet.errors import Conflict, Forbidden, Invalid, NotFound

ONE_TIME_LASTS = timedelta(days=7)
LONGEST_NAME = 100
MACHINES = frozenset({Role.DOCK, Role.STATION})


def create(session: Session, actor: Actor, *, name: str, role: Role, collar: str | None = None, now: datetime) -> str:
    """Make a sign-in and answer its one-time password, which is good for a week.

    Raises:
        Invalid: the name cannot be one, or the role is a machine's.
        Conflict: the name is taken, or the officer has an account.
    """
    name = _account_name(name)
    if role in MACHINES:
        raise Invalid(f"A {role} is a machine and gets a token, not a sign-in.", fields={"role": ["is a machine's"]})
    taken = sa.select(Account.name).where((Account.name == name) | (Account.collar == collar))
    if (other := session.scalars(taken.limit(1)).first()) is not None:
        raise Conflict(f"There is an account {other} with this name or collar number.", found={"account": other})
    password = secret.new_one_time_password()
    hashed = secret.hash_password(password)
    until = now + ONE_TIME_LASTS
    session.add(
        Account(name=name, role=role, collar=collar, password_hash=hashed, one_time_until=until, created_at=now)
    )
    session.flush()
    audit.record(session, actor, Event.ACCOUNT_CREATED, (Subject.ACCOUNT, name), at=now, officer=collar, role=role)
    return password


def _account_name(text: str) -> str:
    name = text.strip().lower()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or " " in name:
        problem = f"must be 1 to {LONGEST_NAME} printable characters without spaces"
        raise Invalid(f"The account's name {problem}.", fields={"name": [problem]})
    return name


def get(session: Session, name: str) -> Account:
    """The account, locked until the transaction ends.

    Raises:
        NotFound
    """
    statement = sa.select(Account).where(Account.name == name.strip().lower()).with_for_update()
    account = session.scalars(statement).one_or_none()
    if account is None:
        raise NotFound(f"There is no account {name}.")
    return account


def reset_password(session: Session, actor: Actor, name: str, *, now: datetime) -> str:
    """A new one-time password; whoever was signed in is signed out."""
    account = get(session, name)
    password = secret.new_one_time_password()
    account.password_hash = secret.hash_password(password)
    account.one_time_until = now + ONE_TIME_LASTS
    end_sessions(session, account.id)
    audit.record(session, actor, Event.PASSWORD_RESET, (Subject.ACCOUNT, account.name), at=now)
    return password


def change_password(session: Session, actor: Actor, *, current: str, new: str, now: datetime) -> None:
    """An account's own change of password. Its other sessions end with the current one; sign in again.

    Raises:
        Forbidden: the current password is wrong.
        Invalid: the new one is too short, or the same.
    """
    account = get(session, actor.name.removeprefix("account:"))
    if not secret.password_matches(account.password_hash, current):
        raise Forbidden("The current password is not right.")
    if len(new) < secret.LEAST_PASSWORD or new == current:
        problem = f"Choose a new password of at least {secret.LEAST_PASSWORD} characters."
        raise Invalid(problem, fields={"new": [problem]})
    account.password_hash = secret.hash_password(new)
    account.one_time_until = None
    end_sessions(session, account.id)
    audit.record(session, actor, Event.PASSWORD_CHANGED, (Subject.ACCOUNT, account.name), at=now)


def lock(session: Session, actor: Actor, name: str, *, reason: str, now: datetime) -> None:
    """Keep an account from being used until it is unlocked."""
    account = get(session, name)
    _require_other(actor, account)
    account.locked_at = now
    end_sessions(session, account.id)
    audit.record(session, actor, Event.ACCOUNT_LOCKED, (Subject.ACCOUNT, account.name), at=now, reason=reason)


def unlock(session: Session, actor: Actor, name: str, *, now: datetime) -> None:
    """Let a locked account be used again."""
    account = get(session, name)
    account.locked_at = None
    audit.record(session, actor, Event.ACCOUNT_UNLOCKED, (Subject.ACCOUNT, account.name), at=now)


def close(session: Session, actor: Actor, name: str, *, reason: str, now: datetime) -> None:
    """Close a leaver's account for good. Its name and its entries in the log stay."""
    account = get(session, name)
    _require_other(actor, account)
    account.closed_at = now
    account.badge_hash = None
    end_sessions(session, account.id)
    audit.record(session, actor, Event.ACCOUNT_CLOSED, (Subject.ACCOUNT, account.name), at=now, reason=reason)


def _require_other(actor: Actor, account: Account) -> None:
    if actor.name == f"account:{account.name}":
        raise Conflict("You cannot lock or close the account you are using.", mend="another admin")


def issue_badge(session: Session, actor: Actor, name: str, *, now: datetime) -> str:
    """A new badge text for an account; an earlier badge stops working."""
    account = get(session, name)
    badge = secret.new_badge()
    account.badge_hash = secret.digest(badge)
    audit.record(session, actor, Event.BADGE_ISSUED, (Subject.ACCOUNT, account.name), at=now)
    return badge


def set_role(session: Session, actor: Actor, name: str, role: Role, *, now: datetime) -> None:
    """Change what an account is for. It is signed out, so that no page keeps the old rights."""
    account = get(session, name)
    _require_other(actor, account)
    if role in MACHINES:
        raise Invalid(f"A {role} is a machine.", fields={"role": ["is a machine's"]})
    was, account.role = account.role, role
    end_sessions(session, account.id)
    audit.record(session, actor, Event.ACCOUNT_CHANGED, (Subject.ACCOUNT, account.name), at=now, role=[was, role])


def create_token(session: Session, actor: Actor, *, name: str, role: Role, lasts: timedelta, now: datetime) -> str:
    """Make a machine's bearer token and answer it, this once.

    Raises:
        Conflict: the name is taken.
    """
    name = _account_name(name)
    if session.scalars(sa.select(ApiToken.id).where(ApiToken.name == name)).first() is not None:
        raise Conflict(f"There is a token {name}. Revoked ones keep their names, so that the log stays clear.")
    token = secret.new_token("fleet")
    expires = now + lasts
    session.add(ApiToken(name=name, role=role, token_hash=secret.digest(token), created_at=now, expires_at=expires))
    session.flush()
    audit.record(session, actor, Event.TOKEN_CREATED, (Subject.TOKEN, name), at=now, role=role, expires_at=expires)
    return token


def revoke_token(session: Session, actor: Actor, name: str, *, now: datetime) -> None:
    """Make a token useless from the next request on.

    Raises:
        NotFound: there is no such token that is not revoked already.
    """
    live = sa.select(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None)).with_for_update()
    token = session.scalars(live).one_or_none()
    if token is None:
        raise NotFound(f"There is no live token {name}.")
    token.revoked_at = now
    audit.record(session, actor, Event.TOKEN_REVOKED, (Subject.TOKEN, name), at=now)
