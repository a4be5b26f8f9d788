"""The pages and the API of jobs."""

import uuid
from collections.abc import Iterator

import pytest

from fleet.actors import Role
from fleet.clock import utc_now
from fleet.jobs import history, runs
from fleet.jobs.leader import Leader
from fleet.jobs.scheduler import perform
from fleet.jobs.table import JOBS
from fleet.web import Service
from tests.conftest import api_of
from tests.pages.conftest import Person, signed_in, text_of

TIDY = history.named(JOBS, "tidy")


@pytest.fixture
def leader(empty: Service) -> Iterator[Leader]:
    """A scheduler process that is active."""
    leader = Leader(empty.fleet_settings.database_url or "")
    leader.beat()
    leader.beat()
    assert leader.is_active
    yield leader
    leader.leave()


@pytest.fixture
def it(empty: Service) -> Person:
    return signed_in(empty, Role.IT)


def test_without_a_scheduler_the_page_says_so(it: Person) -> None:
    text = it.reads("/jobs")

    assert "Nobody runs the jobs" in text
    assert "Not while nobody runs the jobs" in text


def test_the_page_says_who_is_active_and_who_stands_by(it: Person, leader: Leader, empty: Service) -> None:
    other = Leader(empty.fleet_settings.database_url or "")
    other.beat()

    text = it.reads("/jobs")
    other.leave()

    assert "Nobody runs the jobs" not in text
    assert "Active " in text
    assert "Standing by " in text
    assert not other.is_active
    assert "None. A second scheduler would take over" in it.reads("/jobs")


def test_the_page_shows_the_last_run_of_each_job_and_its_own_page_all_of_them(
    it: Person, leader: Leader, empty: Service
) -> None:
    for _ in range(3):
        perform(empty, TIDY, leader.process)

    assert "Done Nothing to do, 3 times in a row" in it.reads("/jobs")
    assert "Done Nothing to do, 3 times in a row" in it.reads(f"/jobs/{TIDY.name}")


def test_a_failure_is_marked_with_its_reason(it: Person, empty: Service) -> None:
    with empty.database.transaction() as session:
        run = runs.begin(session, TIDY.name, process=uuid.uuid4(), day=None, now=utc_now())
        runs.fail(session, run, ValueError("no such thing"), seconds=0.1, now=utc_now())

    response = it.get("/jobs")

    assert "Failed ValueError: no such thing" in text_of(response)
    assert "govuk-tag--red" in response.text


def test_a_job_that_never_ran_has_an_empty_page_and_one_that_is_not_there_none(it: Person) -> None:
    assert "It has not run yet" in it.reads(f"/jobs/{TIDY.name}")
    assert it.get("/jobs/none").status_code == 404


def test_the_api_tells_the_same(empty: Service, leader: Leader) -> None:
    perform(empty, TIDY, leader.process)
    api = api_of(empty, Role.IT)

    body = api("GET", "/jobs").get_json()
    past = api("GET", f"/jobs/{TIDY.name}/runs").get_json()

    assert body["active"]["active_since"] is not None
    assert body["standing_by"] == []
    assert [item["name"] for item in body["items"]] == [job.name for job in JOBS]
    assert next(item for item in body["items"] if item["name"] == TIDY.name)["last"]["outcome"] == "done"
    assert [run["job"] for run in past["items"]] == [TIDY.name]
    assert api("GET", "/jobs/none/runs").status_code == 404


def test_a_process_that_gives_no_sign_of_life_is_not_counted(empty: Service, leader: Leader) -> None:
    with empty.database.transaction() as session:
        session.execute(history.sa.text("UPDATE scheduler_process SET seen_at = seen_at - interval '1 minute'"))

    with empty.database.reading() as session:
        assert not history.is_run(session)
