"""Late acts at the service: once, in their own time, as their own clerk's, or refused and listed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit import Event
from fleet.auth.models import Account
from fleet.cameras.states import Custody
from fleet.counter import late
from fleet.counter.acts import Sent
from fleet.counter.clerks import LONGEST_AWAY, ClerkTokens
from fleet.counter.models import Outcome
from fleet.counter.scans import Mode
from fleet.errors import Invalid
from tests.accounts import new_account
from tests.counter.conftest import Counters, act_id, meant
from tests.factories import Factory


def test_an_act_counts_from_when_it_was_made_and_the_log_keeps_both_instants(counters: Counters, make: Factory) -> None:
    serial, collar, made = make.camera(), make.officer(), counters.now
    counters.later(hours=3)

    kept = counters.bring("issue", meant(serial, collar), made)

    assert kept.outcome is Outcome.DONE
    assert [allocation.issued_at for allocation in counters.allocations(serial)] == [made]
    [entry] = counters.log(serial)
    assert (entry.at, entry.facts["made_at"]) == (counters.now, made.isoformat().replace("+00:00", "Z"))


def test_an_act_is_never_before_what_happened_to_the_camera_last(counters: Counters, make: Factory) -> None:
    serial, first, second = make.camera(), make.officer(), make.officer()
    made = counters.now
    counters.later(minutes=1)
    counters.issue(serial, first)
    counters.later(minutes=1)
    counters.take_back(serial)
    returned = counters.now
    counters.later(minutes=1)

    kept = counters.bring("issue", meant(serial, second), made)

    assert kept.outcome is Outcome.DONE
    assert counters.allocations(serial)[-1].issued_at == returned
    # What the page said stays on record beside what it counts as.
    assert counters.kept(counters.log(serial)[-1].facts["act"])[0].made_at == made


def test_an_act_from_the_future_counts_as_made_when_it_arrived(counters: Counters, make: Factory) -> None:
    serial = make.camera()

    counters.bring("issue", meant(serial, make.officer()), counters.now + timedelta(hours=1))

    assert counters.allocations(serial)[0].issued_at == counters.now


def test_an_act_cannot_be_dated_before_its_clerk_was_there(counters: Counters, make: Factory) -> None:
    serial, since = make.camera(), counters.now
    clerk = counters.clerk_of(counters.clerk, since)
    counters.later(minutes=5)

    counters.bring("issue", meant(serial, make.officer()), since - timedelta(hours=5), clerk=clerk, is_signed=True)

    assert counters.allocations(serial)[0].issued_at == since


def test_the_same_act_weeks_later_is_answered_as_the_first_time(counters: Counters, make: Factory) -> None:
    serial, body, made, number = make.camera(), meant(make.camera(), make.officer()), counters.now, act_id()
    body["camera"] = serial
    first = counters.bring("issue", body, made, id=number)
    counters.later(hours=1)
    counters.take_back(serial)
    counters.later(days=30)

    again = counters.bring("issue", body, made, id=number)

    assert (first.is_new, again.is_new, again.answer) == (True, False, first.answer)
    assert counters.holder(serial) is None
    assert len(counters.allocations(serial)) == 1


def test_a_return_is_not_of_an_allocation_that_began_after_it(counters: Counters, make: Factory) -> None:
    serial, made = make.camera(), counters.now
    counters.later(minutes=1)
    counters.issue(serial, collar := make.officer())
    counters.later(minutes=1)

    kept = counters.bring("return", meant(serial), made)

    assert (kept.outcome, kept.answer["rule"]) == (Outcome.REFUSED, 9)
    assert counters.holder(serial) == collar
    assert [entry.event for entry in counters.log(serial)] == [Event.CAMERA_ISSUED, Event.COUNTER_ACT_REFUSED]


def test_a_faulty_return_without_a_line_quarantines(counters: Counters, make: Factory) -> None:
    serial, collar = make.issued()

    counters.bring("return", meant(serial, holder=collar, mode=Mode.FAULTY), counters.now)

    assert counters.custody(serial) is Custody.QUARANTINED


def test_a_take_over_from_somebody_who_has_it_no_more_is_refused(counters: Counters, make: Factory) -> None:
    serial, holder = make.issued()

    kept = counters.bring("take-over", meant(serial, make.officer(), holder=make.officer()), counters.now)

    assert (kept.outcome, kept.answer["rule"]) == (Outcome.REFUSED, 9)
    assert counters.holder(serial) == holder


def test_a_late_scan_that_would_ask_something_is_listed(counters: Counters, make: Factory) -> None:
    serial, holder = make.issued()
    number = act_id()
    state = late.State(officer=make.officer())

    kept = counters.bring("scan", {"scan": serial, "repeated": False, "state": state}, counters.now, id=number)

    assert kept.outcome is Outcome.LEFT
    assert counters.holder(serial) == holder
    assert len(counters.exceptions(number)) == 1


def test_an_undone_act_that_was_done_after_all_is_reversed(counters: Counters, make: Factory) -> None:
    serial, collar, number = make.camera(), make.officer(), act_id()
    made = counters.now
    counters.bring("issue", meant(serial, collar), made, id=number)
    undone = made + timedelta(seconds=20)
    counters.later(hours=1)

    counters.bring("withdraw", {"of": number, "kind": "issue", "camera": serial, "officer": collar}, undone)

    assert counters.holder(serial) is None
    assert [entry.event for entry in counters.log(serial)] == [Event.CAMERA_ISSUED, Event.ISSUE_UNDONE]
    assert counters.allocations(serial)[0].returned_at == undone


def test_an_act_that_arrives_after_it_was_undone_is_not_done(counters: Counters, make: Factory) -> None:
    serial, collar, number = make.camera(), make.officer(), act_id()
    body = {"of": number, "kind": "issue", "camera": serial, "officer": collar}
    counters.bring("withdraw", body, counters.later(seconds=5))

    kept = counters.bring("issue", meant(serial, collar), counters.now, id=number)

    assert kept.outcome is Outcome.WITHDRAWN
    assert counters.allocations(serial) == []


def test_nobody_undoes_another_clerks_act(counters: Counters, make: Factory) -> None:
    serial, collar, number, withdrawal = make.camera(), make.officer(), act_id(), act_id()
    counters.bring("issue", meant(serial, collar), counters.now, id=number)
    other = counters.clerk_of(new_account(counters.app, Role.STORE), counters.now)
    body = {"of": number, "kind": "issue", "camera": serial, "officer": collar}

    kept = counters.bring("withdraw", body, counters.later(seconds=5), id=withdrawal, clerk=other, is_signed=True)

    assert kept.outcome is Outcome.REFUSED
    assert counters.holder(serial) == collar
    assert len(counters.exceptions(withdrawal)) == 1


def test_an_act_is_its_clerks_whoever_brings_it(counters: Counters, make: Factory) -> None:
    serial, other = make.camera(), new_account(counters.app, Role.SUPERVISOR)
    clerk = counters.clerk_of(other, counters.now)

    counters.bring("issue", meant(serial, make.officer()), counters.now, clerk=clerk, is_signed=True)

    [entry] = counters.log(serial)
    assert (entry.actor, entry.facts["sent_by"]) == (f"account:{other}", f"account:{counters.clerk}")
    assert entry.role == Role.SUPERVISOR


@pytest.mark.parametrize("of_whom", ["locked", "officer", "nobody", "long ago", "unsigned"])
def test_an_act_whose_clerk_cannot_have_made_it_is_listed_and_not_done(
    counters: Counters, make: Factory, of_whom: str
) -> None:
    serial, number = make.camera(), act_id()
    name = new_account(counters.app, Role.OFFICER if of_whom == "officer" else Role.STORE)
    since = counters.now - (LONGEST_AWAY + timedelta(hours=1) if of_whom == "long ago" else timedelta())
    clerk = counters.clerk_of("nobody" if of_whom == "nobody" else name, since)
    if of_whom == "locked":
        with counters.app.database.transaction() as session:
            session.execute(sa.update(Account).where(Account.name == name).values(locked_at=counters.now))

    kept = counters.bring(
        "issue",
        meant(serial, make.officer()),
        counters.now,
        id=number,
        clerk=None if of_whom == "unsigned" else clerk,
        is_signed=True,
    )

    assert kept.outcome is Outcome.REFUSED
    assert counters.holder(serial) is None
    assert len(counters.exceptions(number)) == 1


@pytest.mark.parametrize("is_signed", [True, False])
def test_an_act_from_longer_ago_than_a_counter_may_be_away_is_listed_and_not_done(
    counters: Counters, make: Factory, is_signed: bool
) -> None:
    serial, number = make.camera(), act_id()
    long_ago = counters.now - LONGEST_AWAY - timedelta(hours=1)
    clerk = counters.clerk_of(counters.clerk, long_ago) if is_signed else None

    kept = counters.bring("issue", meant(serial, make.officer()), long_ago, id=number, clerk=clerk, is_signed=is_signed)

    assert kept.outcome is Outcome.REFUSED
    assert counters.holder(serial) is None
    assert len(counters.exceptions(number)) == 1


def test_a_clerks_token_is_no_other_service_s_and_cannot_be_edited(counters: Counters) -> None:
    clerk = counters.clerk_of(counters.clerk, counters.now.replace(microsecond=0))
    token = ClerkTokens("one secret").write(clerk)

    assert ClerkTokens("one secret").read(token) == clerk
    assert ClerkTokens("another secret").read(token) is None
    # Not the last character, a part of whose bits says nothing.
    content, signature = token.rsplit(".", 1)
    edited = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert ClerkTokens("one secret").read(f"{content}.{edited}") is None


@pytest.mark.parametrize("kind", ["issue", "no-such-kind"])
def test_an_act_that_nobody_can_read_is_listed_and_not_lost(counters: Counters, kind: str) -> None:
    def unreadable() -> dict[str, object]:
        raise Invalid("This act cannot be read.")

    number = act_id()
    sent = Sent(number, kind, {"camera": 5, "officer": ["x"]}, counters.now, late=True)
    with counters.app.database.transaction() as session:
        late.receive(
            session, counters.sender, sent, unreadable, clerk=None, is_signed=False, browser=None,
            policy=counters.policy, now=counters.now,
        )  # fmt: skip

    assert len(counters.exceptions(number)) == 1
    assert counters.kept(number)[0].body == {"camera": 5, "officer": ["x"]}


def test_a_refused_take_over_leaves_the_camera_where_it_was(counters: Counters, make: Factory) -> None:
    serial, holder = make.issued()

    kept = counters.bring("take-over", meant(serial, make.officer(trained_until=None), holder=holder), counters.now)

    assert (kept.outcome, kept.answer["rule"]) == (Outcome.REFUSED, 4)
    assert counters.holder(serial) == holder
