"""Accounts and tokens from their making to their end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.audit.models import AuditEntry
from fleet.auth import secret
from fleet.auth.models import Account, AccountState, ApiToken
from fleet.auth.names import new_account_name, new_token_name, spelled
from fleet.auth.service import end_sessions
from fleet.auth.sign_in import forgive
from fleet.db import begins, row_dict
from fleet.errors import Conflict, Invalid, NotFound
from fleet.paging import Page, Paging, capped_count

ONE_TIME_LASTS = timedelta(days=7)
MACHINES = frozenset({Role.DOCK, Role.STATION})
_NAME = Account.__table__.c.name
_TOKEN = ApiToken.__table__
_TOKEN_COLUMNS = ("name", "role", "created_at", "expires_at", "revoked_at")
_SIGN_INS = (Event.SIGNED_IN, Event.SIGN_IN_REFUSED)


def create(session: Session, actor: Actor, *, name: str, role: Role, collar: str | None = None, now: datetime) -> str:
    """Make a sign-in and answer its one-time password, which is good for a week.

    Whether ``collar`` is an officer's is for a caller who knows the officers to find out.

    Raises:
        Invalid: the name cannot be one, or the role is a machine's.
        Conflict: the name is taken, or the officer has an account.
    """
    name = new_account_name(name)
    _require_human(role)
    password = secret.new_one_time_password()
    values = {
        "name": name,
        "role": role,
        "collar": collar,
        "password_hash": secret.hash_password(password),
        "one_time_until": now + ONE_TIME_LASTS,
        "created_at": now,
    }
    made = session.scalars(insert(Account).values(values).on_conflict_do_nothing().returning(Account.id)).first()
    if made is None:
        raise _taken(session, name, collar)
    audit.record(session, actor, Event.ACCOUNT_CREATED, (Subject.ACCOUNT, name), at=now, officer=collar, role=role)
    return password


def _require_human(role: Role) -> None:
    if role in MACHINES:
        problem = f"A {role} is a machine and gets a token, not a sign-in."
        raise Invalid(problem, fields={"role": [problem]})


def _taken(session: Session, name: str, collar: str | None) -> Conflict:
    theirs = Account.name == name if collar is None else sa.or_(Account.name == name, Account.collar == collar)
    other = session.scalars(sa.select(Account.name).where(theirs).order_by(Account.name != name)).first()
    if other == name:
        return Conflict(f"There is an account {name}. Closed ones keep their names.", found={"account": name})
    return Conflict(f"The officer {collar} has the account {other}.", found={"account": other})


_COLUMNS: list[Any] = [
    Account.name,
    Account.role,
    Account.collar,
    Account.state.label("state"),
    Account.created_at,
    Account.one_time_until,
    Account.badge_hash.is_not(None).label("has_badge"),
]
_ROWS = sa.select(*_COLUMNS)


def find(
    session: Session, filters: Mapping[str, Any], paging: Paging, *, sort: str = "name", descending: bool = False
) -> Page:
    """Accounts in order of their names, or of when they were made.

    Filters: ``role``, ``state``, and ``q``, how a name or collar number begins.
    """
    keys = [_NAME] if sort == "name" else [Account.__table__.c.created_at, _NAME]
    return paging.page(session, _ROWS.where(*_conditions(filters)), keys, descending=descending)


def count(session: Session, filters: Mapping[str, Any]) -> int:
    """How many accounts the filters find."""
    return capped_count(session, sa.select(Account.id).where(*_conditions(filters)))


def _conditions(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    exact: dict[str, Any] = {"role": Account.role, "state": Account.state}
    found = [column == filters[name] for name, column in exact.items() if filters.get(name)]
    if text := spelled(filters.get("q") or ""):
        found.append(Account.name.istartswith(text, autoescape=True) | begins(Account.collar, text.upper()))
    return found


def shown(session: Session, name: str) -> dict[str, Any]:
    """An account as plain data.

    Raises:
        NotFound
    """
    row = session.execute(_ROWS.where(Account.name == spelled(name))).one_or_none()
    if row is None:
        raise _no_account(name)
    return row_dict(row)


def _no_account(name: str) -> NotFound:
    return NotFound(f"There is no account {name}.", found={"account": name})


def last_sign_ins(session: Session, name: str, *, limit: int = 10) -> Sequence[AuditEntry]:
    """The newest entries of the log about an account's sign-ins, failed ones too."""
    theirs = sa.select(AuditEntry).where(
        AuditEntry.subject_kind == Subject.ACCOUNT, AuditEntry.subject_key == name, AuditEntry.event.in_(_SIGN_INS)
    )
    return session.scalars(theirs.order_by(AuditEntry.id.desc()).limit(limit)).all()


def get(session: Session, name: str) -> Account:
    """The account, locked until the transaction ends.

    Raises:
        NotFound
    """
    account = session.scalars(sa.select(Account).where(Account.name == spelled(name)).with_for_update()).one_or_none()
    if account is None:
        raise _no_account(name)
    return account


def _not_closed(session: Session, name: str) -> Account:
    account = get(session, name)
    if account.state is AccountState.CLOSED:
        raise Conflict(f"The account {account.name} is closed for good.", found={"state": "closed"})
    return account


def reset_password(session: Session, actor: Actor, name: str, *, now: datetime) -> str:
    """A new one-time password; whoever was signed in is signed out, and failed sign-ins are forgotten.

    Raises:
        NotFound
        Conflict: the account is closed.
    """
    account = _not_closed(session, name)
    password = secret.new_one_time_password()
    account.password_hash = secret.hash_password(password)
    account.one_time_until = now + ONE_TIME_LASTS
    end_sessions(session, account.id)
    forgive(session, account.name)
    audit.record(session, actor, Event.PASSWORD_RESET, (Subject.ACCOUNT, account.name), at=now)
    return password


def lock(session: Session, actor: Actor, name: str, *, reason: str, now: datetime) -> None:
    """Keep an account from being used until it is unlocked.

    Raises:
        NotFound
        Conflict: the account is the actor's own, or locked or closed already.
    """
    account = _not_closed(session, name)
    _require_other(actor, account)
    if account.state is AccountState.LOCKED:
        raise Conflict(f"The account {account.name} is locked already.", found={"state": "locked"})
    account.locked_at = now
    end_sessions(session, account.id)
    audit.record(session, actor, Event.ACCOUNT_LOCKED, (Subject.ACCOUNT, account.name), at=now, reason=reason)


def unlock(session: Session, actor: Actor, name: str, *, reason: str, now: datetime) -> None:
    """Let a locked account be used again.

    Raises:
        NotFound
        Conflict: the account is not locked.
    """
    account = _not_closed(session, name)
    if account.state is not AccountState.LOCKED:
        raise Conflict(f"The account {account.name} is not locked.", found={"state": account.state})
    account.locked_at = None
    forgive(session, account.name)
    audit.record(session, actor, Event.ACCOUNT_UNLOCKED, (Subject.ACCOUNT, account.name), at=now, reason=reason)


def close(session: Session, actor: Actor, name: str, *, reason: str, now: datetime) -> None:
    """Close a leaver's account for good. Its name and its entries in the log stay; the officer may get a new one.

    Raises:
        NotFound
        Conflict: the account is the actor's own, or closed already.
    """
    account = _not_closed(session, name)
    _require_other(actor, account)
    officer = account.collar
    account.closed_at = now
    account.badge_hash = None
    account.collar = None
    end_sessions(session, account.id)
    subject = Subject.ACCOUNT, account.name
    audit.record(session, actor, Event.ACCOUNT_CLOSED, subject, at=now, officer=officer, reason=reason)


def _require_other(actor: Actor, account: Account) -> None:
    if actor.name == f"account:{account.name}":
        raise Conflict("You cannot do this to the account you are using.", mend="another admin")


def issue_badge(session: Session, actor: Actor, name: str, *, now: datetime) -> str:
    """A new badge text for an account. An earlier one stops working, and counters that it was shown to are signed out.

    Raises:
        NotFound
        Conflict: the account is closed.
    """
    account = _not_closed(session, name)
    badge = secret.new_badge()
    account.badge_hash = secret.badge_digest(badge)
    end_sessions(session, account.id, of_badge_only=True)
    audit.record(session, actor, Event.BADGE_ISSUED, (Subject.ACCOUNT, account.name), at=now)
    return badge


def withdraw_badge(session: Session, actor: Actor, name: str, *, now: datetime) -> None:
    """Make a lost badge useless at once, with the counters that it was shown to.

    Raises:
        NotFound
        Conflict: the account has no badge.
    """
    account = get(session, name)
    if account.badge_hash is None:
        raise Conflict(f"The account {account.name} has no badge.")
    account.badge_hash = None
    end_sessions(session, account.id, of_badge_only=True)
    subject = Subject.ACCOUNT, account.name
    audit.record(session, actor, Event.ACCOUNT_CHANGED, subject, at=now, badge=["issued", "withdrawn"])


def revise(session: Session, actor: Actor, name: str, *, role: Role, collar: str | None, now: datetime) -> None:
    """Change what an account is for and whose it is. It is signed out, so that no page keeps the old rights.

    Raises:
        NotFound
        Invalid: the role is a machine's.
        Conflict: the account is the actor's own or closed, or the officer has another account.
    """
    _require_human(role)
    account = _not_closed(session, name)
    differs = audit.changes({"role": account.role, "collar": account.collar}, {"role": role, "collar": collar})
    if not differs:
        return
    _require_other(actor, account)
    try:
        with session.begin_nested():
            account.role, account.collar = role, collar
    except IntegrityError as error:
        raise Conflict(f"The officer {collar} has another account.", found={"officer": collar}) from error
    end_sessions(session, account.id)
    subject = Subject.ACCOUNT, account.name
    audit.record(session, actor, Event.ACCOUNT_CHANGED, subject, at=now, officer=collar, **differs)


def create_token(session: Session, actor: Actor, *, name: str, role: Role, lasts: timedelta, now: datetime) -> str:
    """Make a machine's bearer token and answer it, this once.

    Raises:
        Invalid: the name cannot be one.
        Conflict: the name is taken.
    """
    name = new_token_name(name)
    token = secret.new_token("fleet")
    expires = now + lasts
    values = {"name": name, "role": role, "token_hash": secret.digest(token), "created_at": now, "expires_at": expires}
    made = session.scalars(insert(ApiToken).values(values).on_conflict_do_nothing().returning(ApiToken.id)).first()
    if made is None:
        raise Conflict(f"There is a token {name}. Revoked ones keep their names, so that the log stays clear.")
    audit.record(session, actor, Event.TOKEN_CREATED, (Subject.TOKEN, name), at=now, role=role, expires_at=expires)
    return token


def find_tokens(session: Session, paging: Paging) -> Page:
    """Tokens in order of their names, without what would let anybody use them."""
    return paging.page(session, sa.select(*(_TOKEN.c[name] for name in _TOKEN_COLUMNS)), [_TOKEN.c.name])


def revoke_token(session: Session, actor: Actor, name: str, *, now: datetime) -> None:
    """Make a token useless from the next request on.

    Raises:
        NotFound: there is no such token that is not revoked already.
    """
    name = spelled(name)
    live = sa.select(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None)).with_for_update()
    token = session.scalars(live).one_or_none()
    if token is None:
        raise NotFound(f"There is no live token {name}.")
    token.revoked_at = now
    audit.record(session, actor, Event.TOKEN_REVOKED, (Subject.TOKEN, name), at=now)
