"""Sign-ins that belong to officers of the register."""

from datetime import datetime

from sqlalchemy.orm import Session

from fleet.actors import Actor, Role
from fleet.auth import accounts
from fleet.errors import Invalid
from fleet.people.service import is_known


def create(session: Session, actor: Actor, *, name: str, role: Role, collar: str | None, now: datetime) -> str:
    """Make a sign-in, as ``accounts.create`` does, for an officer of the register if it is for one.

    Raises:
        Invalid: the role is ``officer`` without a collar number, or the register has no such officer.
    """
    _require_officer(session, role, collar)
    return accounts.create(session, actor, name=name, role=role, collar=collar, now=now)


def revise(session: Session, actor: Actor, name: str, *, role: Role, collar: str | None, now: datetime) -> None:
    """Change what an account is for and whose it is, as ``accounts.revise`` does.

    Raises:
        Invalid: as for ``create``.
    """
    _require_officer(session, role, collar)
    accounts.revise(session, actor, name, role=role, collar=collar, now=now)


def _require_officer(session: Session, role: Role, collar: str | None) -> None:
    if collar is None and role is Role.OFFICER:
        raise _bad_collar("An officer's account belongs to a collar number. Give one that is in the register.")
    if collar is not None and not is_known(session, collar):
        raise _bad_collar(f"There is no officer {collar} in the register. Register the officer first.")


def _bad_collar(problem: str) -> Invalid:
    return Invalid(problem, fields={"collar": [problem]})
