"""The parts of the demonstration, each loaded once; and who may sign in to it."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO, StringIO

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from fleet import audit, transfer
from fleet.actors import Role
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account
from fleet.db import Base
from fleet.demonstration.armoury import load_armoury
from fleet.demonstration.cases import load_cases
from fleet.demonstration.force import Row, cameras, docks, people, response_collar, sites, tasers
from fleet.demonstration.pool import ACTOR, load_pool
from fleet.demonstration.stock import load_stock
from fleet.demonstration.visits import load_visits


class DemonstrationPart(Base):
    """A part of the demonstration that was loaded; it is never loaded again."""

    __tablename__ = "demonstration_part"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    loaded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


_FILES = {"sites": sites, "docks": docks, "people": people, "cameras": cameras, "tasers": tasers}


def _load_register(session: Session, _password: str, now: datetime) -> None:
    for kind, rows in _FILES.items():
        transfer.load(session, ACTOR, kind, _as_csv(rows(now.date())), now=now)


def _as_csv(rows: Iterator[Row]) -> BytesIO:
    """Rows as a file to import: the demonstration comes in by the way that a force's own register does."""
    text = StringIO()
    first = next(rows)
    writer = csv.DictWriter(text, first)
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(rows)
    return BytesIO(text.getvalue().encode())


OFFICER = response_collar(0)
SIGN_INS: dict[str, tuple[Role, str | None]] = {
    "store": (Role.STORE, None),
    "armourer": (Role.ARMOURER, None),
    "it": (Role.IT, None),
    "estates": (Role.ESTATES, None),
    "supervisor": (Role.SUPERVISOR, None),
    "auditor": (Role.AUDITOR, None),
    "officer": (Role.OFFICER, OFFICER),
    "admin": (Role.ADMIN, None),
}


def _load_sign_ins(session: Session, password: str, now: datetime) -> None:
    hashed = secret.hash_password(password)
    for name, (role, collar) in SIGN_INS.items():
        if session.scalars(sa.select(Account.id).where(Account.name == name)).first() is None:
            session.add(Account(name=name, role=role, collar=collar, password_hash=hashed, created_at=now))
            subject = (Subject.ACCOUNT, name)
            audit.record(session, ACTOR, Event.ACCOUNT_CREATED, subject, at=now, officer=collar, role=role)


# In order; a name, once released, keeps its meaning.
_PARTS: dict[str, Callable[[Session, str, datetime], None]] = {
    "register-1": _load_register,
    "sign-ins-1": _load_sign_ins,
    "pool-1": load_pool,
    "stock-1": load_stock,
    "cases-1": load_cases,
    "visits-1": load_visits,
    "armoury-1": load_armoury,
}


def load(session: Session, *, password: str, now: datetime) -> list[str]:
    """Load the parts that this register does not have yet, and answer their names."""
    session.execute(sa.text("LOCK TABLE demonstration_part IN EXCLUSIVE MODE"))
    loaded = set(session.scalars(sa.select(DemonstrationPart.name)))
    missing = [name for name in _PARTS if name not in loaded]
    for name in missing:
        _PARTS[name](session, password, now)
        session.add(DemonstrationPart(name=name, loaded_at=now))
        audit.record(session, ACTOR, Event.DEMONSTRATION_LOADED, (Subject.REGISTER, name), at=now)
    return missing


def use_password(session: Session, password: str) -> None:
    """Give the demonstration's sign-ins this password; for when the file that kept the last one is gone."""
    hashed = secret.hash_password(password)
    statement = sa.update(Account).where(Account.name.in_(SIGN_INS), Account.closed_at.is_(None))
    session.execute(statement.values(password_hash=hashed, one_time_until=None))
