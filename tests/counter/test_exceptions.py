"""Refused acts are settled by somebody, once, in one of three ways, and the log says which and why."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.actors import Actor, Role
from fleet.audit import Event
from fleet.auth.service import account_actor
from fleet.cameras.models import Camera
from fleet.counter import exceptions
from fleet.counter.clerks import LONGEST_AWAY
from fleet.counter.exceptions import Decision
from fleet.counter.models import Settlement
from fleet.errors import Conflict, FleetError, Invalid
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.counter.conftest import Counters, act_id, meant
from tests.factories import Factory

SUPERVISOR = account_actor("sue", Role.SUPERVISOR, None)
STORE = account_actor("stan", Role.STORE, None)


def settle(counters: Counters, number: int, decision: Decision, actor: Actor = SUPERVISOR) -> None:
    with counters.app.database.transaction() as session:
        exceptions.settle(session, actor, number, decision, policy=counters.policy, now=counters.later(minutes=1))


def refused(counters: Counters, kind: str, body: dict[str, object]) -> int:
    """The number of an act that was refused."""
    number = act_id()
    counters.bring(kind, body, counters.now, id=number)
    [exception] = counters.exceptions(number)
    return exception.act_number


def test_a_supervisor_overrides_a_lapsed_training_and_the_act_keeps_its_time(counters: Counters, make: Factory) -> None:
    serial, collar, made = make.camera(), make.officer(trained_until=None), counters.now
    number = refused(counters, "issue", meant(serial, collar))

    settle(counters, number, Decision(Settlement.DONE_AGAIN, "course was on Tuesday"))

    assert counters.holder(serial) == collar
    assert counters.allocations(serial)[0].issued_at == made
    assert [entry.event for entry in counters.log(serial)][-3:] == [
        Event.RULE_OVERRIDDEN,
        Event.CAMERA_ISSUED,
        Event.COUNTER_ACT_SETTLED,
    ]
    assert counters.log(serial)[-1].facts["reason"] == "course was on Tuesday"


def test_an_act_that_claims_to_be_of_long_ago_is_done_again_no_further_back_than_a_page_may_be_away(
    counters: Counters, make: Factory
) -> None:
    serial, collar, number = make.camera(), make.officer(), act_id()
    with counters.app.database.transaction() as session:
        session.execute(
            sa.update(Camera).where(Camera.serial == serial).values(custody_at=counters.now - timedelta(days=90))
        )
    counters.bring("issue", meant(serial, collar), counters.now - timedelta(days=60), id=number)
    [exception] = counters.exceptions(number)
    arrived = counters.now

    settle(counters, exception.act_number, Decision(Settlement.DONE_AGAIN, "the page's clock was wrong"))

    assert counters.holder(serial) == collar
    assert counters.allocations(serial)[0].issued_at == arrived - LONGEST_AWAY


def test_a_store_cannot_override_by_settling(counters: Counters, make: Factory) -> None:
    serial, collar = make.camera(), make.officer(trained_until=None)
    number = refused(counters, "issue", meant(serial, collar))

    with pytest.raises(Conflict):
        settle(counters, number, Decision(Settlement.DONE_AGAIN, "please"), STORE)

    assert counters.holder(serial) is None


@pytest.mark.parametrize("with_officer", [True, False])
def test_the_register_is_put_right_by_what_somebody_saw(counters: Counters, make: Factory, with_officer: bool) -> None:
    serial, _ = make.issued()
    collar = make.officer()
    number = refused(counters, "issue", meant(serial, collar))

    settle(counters, number, Decision(Settlement.PUT_RIGHT, "seen", collar if with_officer else None))

    assert counters.holder(serial) == (collar if with_officer else None)


def test_a_dismissed_one_changes_nothing_but_the_list(counters: Counters, make: Factory) -> None:
    serial, holder = make.issued()
    number = refused(counters, "issue", meant(serial, make.officer()))

    settle(counters, number, Decision(Settlement.DISMISSED, "it never left the store"))

    assert counters.holder(serial) == holder
    with counters.app.database.transaction() as session:
        found = exceptions.get(session, number)
    assert (found["settlement"], found["settled_by"]) == (Settlement.DISMISSED, "account:sue")


def test_nothing_is_settled_without_a_reason_or_twice(counters: Counters, make: Factory) -> None:
    serial, _ = make.issued()
    number = refused(counters, "issue", meant(serial, make.officer()))

    with pytest.raises(Invalid):
        settle(counters, number, Decision(Settlement.DISMISSED, "  "))
    settle(counters, number, Decision(Settlement.DISMISSED, "seen"))
    with pytest.raises(Conflict, match="settled by account:sue already"):
        settle(counters, number, Decision(Settlement.PUT_RIGHT, "again"))


def test_two_who_settle_at_once_settle_it_once(counters: Counters, make: Factory) -> None:
    serial, _ = make.issued()
    number = refused(counters, "issue", meant(serial, make.officer()))
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def one() -> None:
        with counters.app.database.transaction() as session:
            both.wait()
            try:
                decision = Decision(Settlement.DISMISSED, "seen")
                exceptions.settle(session, SUPERVISOR, number, decision, policy=counters.policy, now=counters.now)
                outcomes.append("settled")
            except FleetError:
                outcomes.append("refused")

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["refused", "settled"]


def test_the_api_lists_and_settles_them(counters: Counters, make: Factory, api: Api, app: Service) -> None:
    serial, holder = make.issued()
    number = refused(counters, "issue", meant(serial, make.officer()))

    listed = api("GET", f"/counter/exceptions?state=open&q={serial}").json or {}
    assert [item["number"] for item in listed["items"]] == [number]
    assert listed["items"][0]["problem"] == f"{serial} is out to {holder}."
    body = {"settlement": "dismissed", "reason": "seen"}
    officer = api_of(app, Role.OFFICER)("POST", f"/counter/exceptions/{number}/settle", body)
    assert officer.status_code == 403
    assert api("POST", f"/counter/exceptions/{number}/settle", body).status_code == 200
    assert api("POST", f"/counter/exceptions/{number}/settle", body).status_code == 409
    assert api("GET", f"/counter/exceptions?state=open&q={serial}").json == {"items": [], "next": None}
    assert (api("GET", f"/counter/exceptions/{number}").json or {})["reason"] == "seen"
    assert api("GET", f"/counter/exceptions/{number + 2**40}").status_code == 404
