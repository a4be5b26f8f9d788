"""Each day that is over is counted once; what was counted stays."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from fleet.actors import Role
from fleet.audit import Event, Subject, record
from fleet.custody import service as custody
from fleet.custody.models import Condition
from fleet.statistics import service
from fleet.statistics.models import DailyStatistic, StatisticDay
from fleet.web import Service
from tests.conftest import api_of
from tests.factories import Factory, now
from tests.pages.conftest import signed_in


def compute(app: Service, at: datetime) -> int:
    with app.database.transaction() as session:
        return service.compute_missing(session, now=at)


def figures(app: Service, day: date) -> dict[tuple[str, str], int]:
    with app.database.transaction() as session:
        rows = session.scalars(sa.select(DailyStatistic).where(DailyStatistic.day == day))
        return {(row.measure, row.label): row.value for row in rows}


def write(app: Service, at: datetime) -> None:
    with app.database.transaction() as session:
        record(session, Factory(app.database).actor, Event.SIGNED_IN, (Subject.ACCOUNT, "jo"), at=at)


def test_a_day_has_its_acts_and_yesterday_its_stock(empty: Service) -> None:
    make = Factory(empty.database)
    back, _ = make.issued()
    make.issued(due_back=now() + timedelta(seconds=1))
    make.camera()
    with empty.database.transaction() as session:
        custody.take_back(session, make.actor, back, Condition.GOOD, policy=make.policy, now=now())
    today = now().astimezone(service.LOCAL).date()

    assert compute(empty, now() + timedelta(days=1)) == 1

    found = figures(empty, today)
    assert found["issues", "pool"] == 2
    assert found["returns", "good"] == 1
    assert found["out-at-midnight", "pool"] == 1
    assert found["overdue-at-midnight", "pool"] == 1
    assert found["cameras-by-model", "body-2"] == 3
    assert found["cameras-by-custody", "issued"] == 1
    assert found["officers", "trained"] == 2
    assert found["log-entries", "camera.issued"] == 2


def test_a_day_is_never_counted_again(empty: Service) -> None:
    make = Factory(empty.database)
    make.camera()
    today = now().astimezone(service.LOCAL).date()
    compute(empty, now() + timedelta(days=1))
    before = figures(empty, today)
    make.camera()

    assert compute(empty, now() + timedelta(days=1)) == 0
    assert figures(empty, today) == before
    with pytest.raises(DBAPIError, match="permission denied"), empty.database.transaction() as session:
        session.execute(sa.update(DailyStatistic).values(value=0))


def test_every_day_that_was_missed_is_caught_up_without_a_stock_that_nobody_knows(empty: Service) -> None:
    make = Factory(empty.database)
    first = datetime(2026, 10, 24, 12, tzinfo=UTC)
    write(empty, first)
    make.camera()

    assert compute(empty, datetime(2026, 10, 28, 12, tzinfo=UTC)) == 4

    with empty.database.transaction() as session:
        days = list(session.scalars(sa.select(StatisticDay.day).order_by(StatisticDay.day)))
    assert days == [date(2026, 10, 24) + timedelta(days=number) for number in range(4)]
    assert ("cameras-by-model", "body-2") not in figures(empty, date(2026, 10, 26))
    assert figures(empty, date(2026, 10, 27))["cameras-by-model", "body-2"] == 1


def test_the_day_of_the_october_change_has_25_hours_in_local_time(empty: Service) -> None:
    # From midnight in summer time to midnight in winter time.
    for at in ("2026-10-24T22:59:59+00:00", "2026-10-24T23:00:00+00:00", "2026-10-25T23:59:59+00:00"):
        write(empty, datetime.fromisoformat(at))
    write(empty, datetime.fromisoformat("2026-10-26T00:00:00+00:00"))

    compute(empty, datetime(2026, 10, 27, 12, tzinfo=UTC))

    told = [figures(empty, date(2026, 10, day)).get(("log-entries", "sign-in.done")) for day in (24, 25, 26)]
    assert told == [1, 2, 1]


def test_the_page_the_file_and_the_api_show_them(empty: Service) -> None:
    person = signed_in(empty, Role.STORE)
    assert "There are no figures yet" in person.reads("/statistics")
    Factory(empty.database).issued()
    compute(empty, now() + timedelta(days=1))
    api = api_of(empty, Role.STORE)

    assert "Issues Pool 1" in person.reads("/statistics?measure=issues")
    assert person.get("/statistics.csv?measure=issues").text.splitlines()[0] == "day,measure,label,value"
    (item,) = api("GET", "/statistics?measure=issues").get_json()["items"]
    assert (item["label"], item["value"]) == ("pool", 1)
