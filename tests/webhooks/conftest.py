"""A register of its own with a log that is sealed, and subscriptions to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.actors import Actor, Role
from fleet.audit import Event, Subject, record, sealer
from fleet.db import Database
from fleet.vault import Vault
from fleet.web import Service
from fleet.webhooks import delivery, service
from fleet.webhooks.addresses import Where
from fleet.webhooks.courier import Courier
from fleet.webhooks.models import Webhook, WebhookDelivery
from tests.factories import unique
from tests.webhooks.receiver import Receiver, receiving

ADMIN = Actor("account:tester", Role.ADMIN)
HERE = Where((ip_network("127.0.0.0/8"),), plain_http=True)
START = datetime(2026, 6, 3, 12, tzinfo=UTC)


@dataclass
class Post:
    """Everything between the log and the receivers, at the instant ``now``, which tests move."""

    app: Service
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def database(self) -> Database:
        return self.app.database

    @property
    def vault(self) -> Vault:
        return Vault(str(self.app.secret_key), "webhook secrets")

    def subscribe(self, url: str, *events: Event, **more: Any) -> tuple[int, str]:
        values = {"name": unique("hook"), "url": url, "events": list(map(str, events or [Event.CAMERA_ISSUED]))} | more
        with self.database.transaction() as session:
            return service.create(session, ADMIN, values, vault=self.vault, where=HERE, now=self.now)

    def write(self, count: int = 1, event: Event = Event.CAMERA_ISSUED, *, at: datetime | None = None) -> list[int]:
        """Entries of the log, sealed."""
        with self.database.transaction() as session:
            numbers = [
                record(session, ADMIN, event, (Subject.CAMERA, f"X{n}"), at=at or self.now, officer="C1", kind="pool")
                for n in range(count)
            ]
        self.seal()
        return numbers

    def seal(self) -> None:
        sealer.seal_everything(self.app.fleet_settings, now=self.now)

    def queue(self) -> int:
        with self.database.transaction() as session:
            return delivery.queue(session, now=self.now)

    def deliver(self, *, later: timedelta = timedelta(0), limit_s: float = 2) -> None:
        """Send all that is due by then, and wait until that is done."""
        self.now += later
        courier = Courier(self.database, self.vault, HERE, clock=lambda: self.now, limit_s=limit_s)
        courier.deliver_due()
        courier.wait()

    def deliveries(self) -> list[WebhookDelivery]:
        with self.database.transaction() as session:
            return list(session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id)))

    def webhook(self, number: int) -> Webhook:
        with self.database.transaction() as session:
            return session.get_one(Webhook, number)


@pytest.fixture
def post(empty: Service) -> Post:
    return Post(empty)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
