"""Acknowledgements that arrive late, at the service's own door."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.clock import iso
from fleet.counter.models import CounterAct
from fleet.web import Service
from tests.factories import Factory, now
from tests.pages.conftest import Person, signed_in
from tests.visits.conftest import STROKES, AtCounter, key


@pytest.fixture
def clerk(app: Service) -> Person:
    return signed_in(app, Role.STORE)


def bring(
    clerk: Person, kind: str, body: dict[str, object], act: str | None = None, ago_s: int = 60
) -> dict[str, object]:
    made_at = iso(now() - timedelta(seconds=ago_s))
    sent = {"id": act or key(), "kind": kind, "body": body, "made_at": made_at}
    response = clerk.client.post("/counter/acts", json=sent)
    return {"status": response.status_code} | (response.json or {})


def test_what_is_brought_twice_is_written_once_at_the_instant_it_was_given(
    clerk: Person, counter: AtCounter, make: Factory
) -> None:
    collar, serial, visit, act = make.officer(), make.camera(), key(), key()
    issue = {"camera": serial, "officer": collar, "visit": visit}
    given = {"visit": visit, "given": {"method": "signature", "strokes": STROKES}}

    assert bring(clerk, "issue", issue, ago_s=90)["outcome"] == "done"
    assert [bring(clerk, "acknowledge", given, act)["outcome"] for _ in range(2)] == ["done", "done"]

    read = counter.read(visit)
    assert (read["method"], read["cameras"], read["acknowledged_by"]) == (
        "signature",
        [serial],
        f"account:{clerk.name}",
    )
    assert timedelta(seconds=50) < now() - read["at"] < timedelta(seconds=70)


def test_one_whose_issue_was_refused_is_an_exception_to_settle(clerk: Person, make: Factory) -> None:
    body = {"visit": key(), "given": {"method": "attestation", "reason": "Others were waiting."}}

    brought = bring(clerk, "acknowledge", body)

    assert brought["outcome"] == "refused"
    assert brought["exceptions"]


def test_a_pin_that_waited_is_refused_and_kept_nowhere(clerk: Person, app: Service) -> None:
    act = key()
    body = {"visit": key(), "given": {"method": "pin", "pin": "482915"}}

    assert bring(clerk, "acknowledge", body, act)["status"] == 422

    with app.database.transaction() as session:
        assert session.scalars(sa.select(CounterAct.id).where(CounterAct.id == act)).all() == []
        told = session.scalars(sa.select(AuditEntry.facts).order_by(AuditEntry.id.desc()).limit(5)).all()
    assert "482915" not in str(told)
