"""Makes what tests need in the register, each with an identifier that nothing else has."""

import itertools
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fleet.actors import Actor, command_line
from fleet.cameras import service as cameras
from fleet.cameras.states import Model, Use
from fleet.custody import service as custody
from fleet.custody.models import IssueKind
from fleet.db import Database
from fleet.people import service as people
from fleet.people.models import Function
from fleet.settings import Policy
from fleet.sites import service as sites
from fleet.tasers import service as tasers
from fleet.tasers.models import TaserModel

_RUN = secrets.token_hex(3).upper()
_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """An identifier that begins with ``prefix`` and that no other call gives."""
    return f"{prefix}{_RUN}{next(_numbers):04d}"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Factory:
    """Each method commits one thing through the domain's own service and answers its identifier."""

    database: Database
    actor: Actor = field(default_factory=lambda: command_line("tests"))
    policy: Policy = field(default_factory=Policy)

    def site(self, **values: Any) -> str:
        values = {"code": unique("S"), "name": "A site", **values}
        with self.database.transaction() as session:
            return sites.register_site(session, self.actor, values, now=now()).code

    def dock(self, **values: Any) -> str:
        values = {"serial": unique("D"), "bays": 6, **values}
        with self.database.transaction() as session:
            return sites.register_dock(session, self.actor, values, now=now()).serial

    def officer(self, **values: Any) -> str:
        trained = date.today() + timedelta(days=365)  # noqa: DTZ011
        values = {"collar": unique("C"), "function": Function.RESPONSE, "trained_until": trained, **values}
        with self.database.transaction() as session:
            return people.register(session, self.actor, values, now=now()).collar

    def camera(self, **values: Any) -> str:
        values = {"serial": unique("X"), "model": Model.BODY_2, "use": Use.POOL, **values}
        with self.database.transaction() as session:
            return cameras.register(session, self.actor, values, now=now()).serial

    def taser(self, **values: Any) -> str:
        values = {"serial": unique("T"), "model": TaserModel.X2, **values}
        with self.database.transaction() as session:
            return tasers.register(session, self.actor, values, now=now()).serial

    def issued(self, serial: str | None = None, collar: str | None = None, **values: Any) -> tuple[str, str]:
        """A camera that is out: its serial and its holder's collar number."""
        serial, collar = serial or self.camera(), collar or self.officer()
        wanted = custody.Issue(serial, collar, values.pop("kind", IssueKind.POOL), **values)
        with self.database.transaction() as session:
            custody.issue(session, self.actor, wanted, policy=self.policy, now=now())
        return serial, collar

    def report(self, serial: str, **said: Any) -> None:
        """What a device says of itself at a dock."""
        with self.database.transaction() as session:
            custody.take_report(session, self.actor, serial, said, policy=self.policy, now=now())
