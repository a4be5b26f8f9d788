"""When jobs run, for every instant that a clock may show."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.jobs.triggers import LOCAL, Daily, Every, Steady

SECONDS = st.integers(946_684_800, 4_102_444_800)  # from 2000 to 2100
INSTANTS = SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=LOCAL, fold=fold).astimezone(UTC)  # type: ignore[misc, arg-type]


def days_run(at: time, instants: list[datetime]) -> list[date]:
    """The days that a job runs for when it is asked at these instants, one after the other."""
    done: list[date] = []
    for now in instants:
        day = Daily(at).day(now)
        if day not in done:
            done.append(day)
    return done


def minutes(first: datetime, last: datetime) -> list[datetime]:
    return [first + timedelta(minutes=number) for number in range(int((last - first).total_seconds() // 60) + 1)]


@pytest.mark.parametrize("at", [time(0, 5), time(0, 59), time(1), time(1, 30), time(2), time(2, 30)])
@pytest.mark.parametrize("month", [date(2026, 10, 25), date(2026, 3, 29)], ids=["October", "March"])
def test_when_the_clocks_change_a_daily_job_runs_once_for_each_day(month: date, at: time) -> None:
    first = local(month.year, month.month, month.day - 1, 12)

    ran = days_run(at, minutes(first, first + timedelta(days=2)))

    assert ran == [month + timedelta(days=days) for days in (-1, 0, 1)]


def test_at_half_past_one_which_october_has_twice_it_runs_at_the_first() -> None:
    first, second = local(2026, 10, 25, 1, 30), local(2026, 10, 25, 1, 30, fold=1)

    assert second - first == timedelta(hours=1)
    assert Daily(time(1, 30)).day(first) == date(2026, 10, 25)
    assert Daily(time(1, 30)).next_after(date(2026, 10, 25), second) == local(2026, 10, 26, 1, 30)


@given(now=INSTANTS, at=TIMES)
def test_a_daily_job_is_due_for_the_day_whose_time_came_last(now: datetime, at: time) -> None:
    day = Daily(at).day(now)

    assert now.astimezone(LOCAL).date() - day in (timedelta(0), timedelta(days=1))
    assert datetime.combine(day, at) <= now.astimezone(LOCAL).replace(tzinfo=None)


@given(now=INSTANTS, back=st.timedeltas(timedelta(0), timedelta(hours=1)), at=TIMES)
def test_a_clock_put_back_an_hour_makes_no_new_day(now: datetime, back: timedelta, at: time) -> None:
    before = [now - timedelta(hours=2), now]

    assert days_run(at, [*before, now - back, now]) == days_run(at, before)


def test_a_job_that_missed_its_time_is_due_when_the_machine_is_back() -> None:
    daily = Daily(time(0, 5))

    assert daily.next_after(date(2026, 6, 1), local(2026, 6, 3, 15)) == local(2026, 6, 3, 15)
    assert daily.next_after(date(2026, 6, 3), local(2026, 6, 3, 15)) == local(2026, 6, 4, 0, 5)


def test_a_frequent_job_runs_at_once_when_it_never_ran_and_is_never_further_away_than_its_interval() -> None:
    every = Every(timedelta(minutes=10))
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    assert every.next_after(None, now) == now
    assert every.next_after(now - timedelta(minutes=4), now) == now + timedelta(minutes=6)
    assert every.next_after(now - timedelta(hours=4), now) == now
    assert every.next_after(now + timedelta(hours=1), now) == now + timedelta(minutes=10)


@given(previous=st.none() | INSTANTS, now=INSTANTS)
def test_the_next_time_lies_ahead_whatever_the_clock_did(previous: datetime | None, now: datetime) -> None:
    following = Steady(timedelta(seconds=1)).get_next_fire_time(previous, now)

    assert following > now


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "every second"),
        (2, "every 2 seconds"),
        (60, "every minute"),
        (600, "every 10 minutes"),
        (3_600, "every hour"),
    ],
)
def test_how_often_is_said_in_words(seconds: int, said: str) -> None:
    assert str(Every(timedelta(seconds=seconds))) == said


def test_when_a_day_is_said_in_words() -> None:
    assert str(Daily(time(0, 5))) == "every day from 00:05"
