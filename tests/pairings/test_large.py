"""With many rows, what is asked often is found by an index and not by reading a table through."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.capture import service as capture
from fleet.paging import Paging
from fleet.pairings import jobs, service
from fleet.tasers import identities, pairings, register
from fleet.tasers.models import Pairing
from fleet.tasers.states import DeviceKind, PairingState
from fleet.web import Service
from tests.factories import now
from tests.pairings.large import TABLES, fill, plans, statements

SIZE = 30_000
FEW = Paging(50)


QUESTIONS: dict[str, Callable[[Session], Any]] = {
    "the newest pairings": lambda s: service.find(s, {}, FEW),
    "suspended": lambda s: service.find(s, {"state": PairingState.SUSPENDED}, FEW),
    "agreed, of which there are none": lambda s: service.find(s, {"state": PairingState.AGREED}, FEW),
    "suspended, counted": lambda s: service.count(s, {"state": PairingState.SUSPENDED}),
    "by why": lambda s: service.find(s, {"because": "clock-error"}, FEW),
    "of a Taser": lambda s: service.find(s, {"taser": "T777"}, FEW),
    "of a camera": lambda s: service.find(s, {"camera": "C777"}, FEW),
    "by search": lambda s: service.find(s, {"q": "SP777"}, FEW),
    "of a camera, live": lambda s: service.live_of_camera(s, "C700"),
    "of a camera, locked": lambda s: pairings.of_camera(s, 700),
    "of a Taser, locked": lambda s: pairings.of_taser(s, 700),
    "steps of one": lambda s: jobs.steps_of(s, 700),
    "job of one": lambda s: jobs.of_pairing(s, 700),
    "at the stations": lambda s: jobs.waiting(s, limit=50),
    "jobs that ran out": lambda s: jobs.due(s, now=now()),
    "revoked keys": lambda s: identities.revoked_keys(s, now=now()),
    "a credential": lambda s: identities.current(s, DeviceKind.CAMERA, "C777", now=now()),
    "logs nearly full": lambda s: register.nearly_full(s, limit=10),
    "the latest activations": lambda s: capture.find(s, {}, FEW),
    "activations of a Taser": lambda s: capture.find(s, {"taser": "T777"}, FEW),
    "activations that were not paired": lambda s: capture.find(s, {"outcome": "not-paired"}, FEW),
    "activations of a magazine": lambda s: capture.find(s, {"q": "SP7777"}, FEW),
    "one activation": lambda s: capture.get(s, s.scalars(sa.text("SELECT max(id) FROM activation")).one()),
}


def test_nothing_that_is_asked_often_reads_a_table_through(empty: Service) -> None:
    with empty.database.transaction() as session:
        fill(session, SIZE)
    url = sa.make_url(empty.fleet_settings.owner_database_url or "").set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(False), autocommit=True) as owner:
        owner.execute(f"ANALYZE {', '.join(TABLES)}".encode())

    assert read_through(empty, lambda s: s.scalars(sa.select(Pairing.id).where(Pairing.created_by == "x")).all()) == [
        "pairing"
    ]
    through = {name: read_through(empty, ask) for name, ask in QUESTIONS.items()}
    assert {name: read for name, read in through.items() if read} == {}


def read_through(app: Service, ask: Callable[[Session], Any]) -> list[str]:
    """The tables that a question reads from end to end."""
    with app.database.transaction() as session:
        with statements(session) as sent:
            ask(session)
        assert sent
        return re.findall(rf"Seq Scan on ({'|'.join(TABLES)})\b", "\n".join(plans(session, sent)))
