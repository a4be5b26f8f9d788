"""Reservations of pool stock: what is promised, what the counter honours, and how one begins and ends."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from fleet.actors import Actor, Role, command_line
from fleet.audit import Event
from fleet.cameras.states import Model, Use
from fleet.clock import iso
from fleet.custody import planning
from fleet.custody.models import NEXT_RESERVATION, IssueKind, Reservation, ReservationState
from fleet.custody.reservations import ReservationNow, state_at
from fleet.custody.service import CameraNotReady
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.custody.conftest import Desk
from tests.factories import Factory, unique
from tests.live import LiveServer

HOUR = timedelta(hours=1)


@pytest.fixture
def store(make: Factory) -> str:
    """A dock in a site of its own, so that nobody else's cameras count."""
    return make.dock(site=make.site(stage=Stage.DOCKS_FITTED))


def stocked(make: Factory, dock: str, number: int, **values: Any) -> list[str]:
    return [make.camera(home_dock=dock, **values) for _ in range(number)]


def reserve(api: Api, dock: str, count: int, *, begins: float = -1, ends: float = 48, **more: Any) -> Any:
    """Reserve ``count`` of a dock's cameras from and until so many hours from now."""
    now = datetime.now(UTC)
    body = {
        "code": unique("OP"), "name": "Op Pelkin", "count": count, "dock": dock,
        "begins_at": iso(now + begins * HOUR), "ends_at": iso(now + ends * HOUR), **more,
    }  # fmt: skip
    return api("POST", "/reservations", body)


def issue(api: Api, serial: str, collar: str, **more: Any) -> Any:
    return api("POST", f"/cameras/{serial}/issue", {"collar": collar, "kind": "pool", **more})


def test_what_an_operation_needs_is_issued_to_nobody_else(api: Api, make: Factory, store: str) -> None:
    one, other, _ = stocked(make, store, 3)
    code = reserve(api, store, 2).json["code"]

    first, second = issue(api, one, make.officer()), issue(api, other, make.officer())

    assert first.status_code == 201
    assert (second.status_code, second.json.get("rule")) == (409, None)
    assert second.json["detail"] == f"{other} is needed for Op Pelkin: it still needs 2 and 1 would be left."
    assert second.json["found"] | {"until": ""} == {"operation": code, "still_needed": 2, "left": 1, "until": ""}


def test_an_officer_on_the_operation_gets_one_until_its_end(api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    collar = make.officer()
    made = reserve(api, store, 1, officers=[collar]).json

    answer = issue(api, serial, collar)

    assert (answer.json["operation"], answer.json["due_back"]) == (made["code"], made["ends_at"])
    assert {name: api("GET", f"/reservations/{made['code']}").json[name] for name in ("out", "back", "to_come")} == {
        "out": 1, "back": 0, "to_come": 0,
    }  # fmt: skip


def test_the_operations_code_issues_for_it_to_anybody(api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    code = reserve(api, store, 1).json["code"]

    assert issue(api, serial, make.officer(), operation=code).json["operation"] == code


def test_an_operation_does_not_take_more_than_it_reserved(api: Api, make: Factory, store: str) -> None:
    one, other = stocked(make, store, 2)
    code = reserve(api, store, 1).json["code"]
    issue(api, one, make.officer(), operation=code)

    answer = issue(api, other, make.officer(), operation=code)

    assert answer.status_code == 409
    assert answer.json["detail"] == "Op Pelkin has all 1 cameras that are reserved for it."


@pytest.mark.parametrize(("begins", "ends"), [(1, 2), (-2, -1)])
def test_an_operation_that_does_not_run_issues_nothing(
    api: Api, app: Service, make: Factory, store: str, begins: float, ends: float
) -> None:
    (serial,) = stocked(make, store, 1)
    code = reserve(api, store, 1).json["code"]
    shift(app, code, begins, ends)

    answer = issue(api, serial, make.officer(), operation=code)

    assert (answer.status_code, answer.json["detail"]) == (409, f"No operation {code} runs now.")


def shift(app: Service, code: str, begins: float, ends: float) -> None:
    """Move an operation in time, past the service, which refuses what is over."""
    now = datetime.now(UTC)
    values = {"begins_at": now + begins * HOUR, "ends_at": now + ends * HOUR}
    with app.database.transaction() as session:
        session.execute(sa.update(Reservation).where(Reservation.code == code).values(values))


def test_time_decides_even_when_the_job_is_late(api: Api, app: Service, make: Factory, store: str) -> None:
    one, other = stocked(make, store, 2)
    code = reserve(api, store, 2, begins=24).json["code"]
    assert issue(api, one, make.officer(), due_back=iso(datetime.now(UTC) + HOUR)).status_code == 201

    shift(app, code, -1, 1)
    assert issue(api, other, make.officer(), due_back=iso(datetime.now(UTC) + HOUR)).status_code == 409
    shift(app, code, -2, -1)
    assert issue(api, other, make.officer()).status_code == 201


def test_a_loan_that_lasts_into_an_operation_is_refused_and_one_that_is_back_before_is_not(
    api: Api, make: Factory, store: str
) -> None:
    (serial,) = stocked(make, store, 1)
    reserve(api, store, 1, begins=5)
    now = datetime.now(UTC)

    assert issue(api, serial, make.officer(), due_back=iso(now + 6 * HOUR)).status_code == 409
    assert issue(api, serial, make.officer(), due_back=iso(now + 4 * HOUR)).status_code == 201


def test_what_is_back_before_it_begins_counts_for_it(api: Api, make: Factory, store: str) -> None:
    one, other = stocked(make, store, 2)
    now = datetime.now(UTC)
    issue(api, one, make.officer(), due_back=iso(now + HOUR))
    reserve(api, store, 1, begins=2)

    assert issue(api, other, make.officer(), due_back=iso(now + 6 * HOUR)).status_code == 201


def test_a_camera_that_is_not_ready_is_no_stock_for_an_operation(api: Api, make: Factory, store: str) -> None:
    ready, empty = stocked(make, store, 2)
    make.report(empty, battery_percent=5)
    reserve(api, store, 1)

    assert issue(api, ready, make.officer()).status_code == 409


def test_other_models_places_and_uses_are_free(api: Api, make: Factory, store: str) -> None:
    stocked(make, store, 1)
    reserve(api, store, 1, model="body-2")
    elsewhere = make.dock(site=make.site(stage=Stage.DOCKS_FITTED))
    free = [
        make.camera(home_dock=store, model=Model.FLEX_2), make.camera(home_dock=elsewhere), make.camera(),
        make.camera(home_dock=store, use=Use.RESERVE),
    ]  # fmt: skip

    assert [issue(api, serial, make.officer()).status_code for serial in free] == [201] * 4


def test_two_operations_share_what_both_could_use(api: Api, make: Factory, store: str) -> None:
    flex, body = make.camera(home_dock=store, model=Model.FLEX_2), make.camera(home_dock=store)
    spare = make.camera(home_dock=store)
    reserve(api, store, 1, model="flex-2")
    reserve(api, store, 1)

    assert issue(api, flex, make.officer()).status_code == 409
    assert issue(api, spare, make.officer()).status_code == 201
    assert issue(api, body, make.officer()).status_code == 409


def test_a_reason_overrides_for_whoever_may(desk: Desk, api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    reserve(api, store, 1, begins=-0.5)
    with pytest.raises(CameraNotReady):
        desk.issue(serial, make.officer())
    desk.actor = Actor("account:sergeant", role=Role.SUPERVISOR)

    desk.issue(serial, make.officer(), override_reason="A missing child")

    overridden, issued = desk.log(serial)
    assert (overridden.event, overridden.facts["reason"]) == (Event.RULE_OVERRIDDEN, "A missing child")
    assert issued.event is Event.CAMERA_ISSUED


def test_what_cannot_be_promised_is_refused_with_what_is_free_when(api: Api, make: Factory, store: str) -> None:
    stocked(make, store, 5)
    other = reserve(api, store, 4, begins=10, ends=20).json

    answer = reserve(api, store, 3, begins=5, ends=30)

    assert answer.status_code == 409
    assert [span["count"] for span in answer.json["found"]["free"]] == [3, 1, 3]
    tight = answer.json["found"]["free"][1]
    assert (tight["from"], tight["until"]) == (other["begins_at"], other["ends_at"])
    assert reserve(api, store, 3, begins=20.1, ends=30).status_code == 201
    assert reserve(api, store, 1, begins=5, ends=30).status_code == 201


def test_operations_of_different_models_do_not_hinder_one_another(api: Api, make: Factory, store: str) -> None:
    stocked(make, store, 2)
    stocked(make, store, 1, model=Model.FLEX_2)

    assert reserve(api, store, 1, model="flex-2").status_code == 201
    assert reserve(api, store, 2, model="body-2").status_code == 201
    assert reserve(api, store, 1).status_code == 409


def test_a_change_is_promised_like_a_new_one_and_moves_what_is_due(api: Api, make: Factory, store: str) -> None:
    (serial, _) = stocked(make, store, 2)
    made = reserve(api, store, 1)
    path, tag = f"/reservations/{made.json['code']}", made.headers["ETag"]
    issue(api, serial, make.officer(), operation=made.json["code"])
    later = iso(datetime.now(UTC) + 60 * HOUR)

    assert api("PATCH", path, {"count": 3}, If_Match=tag).status_code == 409
    changed = api("PATCH", path, {"count": 2, "ends_at": later}, If_Match=tag)

    assert (changed.status_code, changed.json["count"]) == (200, 2)
    assert api("GET", f"/cameras/{serial}").json["due_back"] == later
    assert api("PATCH", path, {"count": 1}, If_Match=tag).status_code == 412


def test_naming_other_officers_makes_another_version(api: Api, make: Factory, store: str) -> None:
    stocked(make, store, 1)
    made = reserve(api, store, 1)
    path, collar = f"/reservations/{made.json['code']}", make.officer()

    changed = api("PATCH", path, {"officers": [collar]}, If_Match=made.headers["ETag"])

    assert changed.json["officers"] == [collar]
    assert changed.headers["ETag"] != made.headers["ETag"]
    assert api("PATCH", path, {"officers": ["NOBODY"]}, If_Match="*").status_code == 422


def test_one_that_ends_early_has_everything_due_and_changes_no_more(api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    code = reserve(api, store, 1).json["code"]
    issue(api, serial, make.officer(), operation=code)

    answer = api("POST", f"/reservations/{code}/cancel", {"reason": "Stood down"})

    assert answer.json["state"] == "ended"
    assert datetime.fromisoformat(api("GET", f"/cameras/{serial}").json["due_back"]) <= datetime.now(UTC)
    assert api("POST", f"/reservations/{code}/cancel", {"reason": "Again"}).status_code == 409
    assert api("PATCH", f"/reservations/{code}", {"count": 1}, If_Match="*").status_code == 409


def test_one_that_is_called_off_frees_its_stock(api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    code = reserve(api, store, 1, begins=1).json["code"]

    assert api("POST", f"/reservations/{code}/cancel", {"reason": "Rain"}).json["state"] == "cancelled"
    assert issue(api, serial, make.officer()).status_code == 201


def test_a_return_undone_is_still_for_the_operation(desk: Desk, api: Api, make: Factory, store: str) -> None:
    (serial,) = stocked(make, store, 1)
    code = reserve(api, store, 1).json["code"]
    allocation = desk.issue(serial, make.officer(), operation=code)
    desk.take_back(serial)
    assert api("GET", f"/reservations/{code}").json["back"] == 1

    desk.undo_return(allocation)

    assert api("GET", f"/reservations/{code}").json["out"] == 1


def test_the_job_writes_each_turn_once(app: Service, api: Api, make: Factory, store: str, desk: Desk) -> None:
    stocked(make, store, 1)
    code = reserve(api, store, 1, begins=0.5, ends=1).json["code"]
    start, job = datetime.now(UTC), command_line("job")

    for minutes in (0, 31, 31, 61, 61):
        with app.database.transaction() as session:
            planning.turn(session, job, now=start + timedelta(minutes=minutes))

    made, *turns = desk.events(code)
    assert made is Event.RESERVATION_MADE
    assert turns == [Event.RESERVATION_BEGUN, Event.RESERVATION_ENDED]


def test_a_job_that_slept_through_all_of_it_writes_the_end(
    app: Service, api: Api, make: Factory, store: str, desk: Desk
) -> None:
    stocked(make, store, 1)
    code = reserve(api, store, 1, begins=0.5, ends=1).json["code"]

    with app.database.transaction() as session:
        planning.turn(session, command_line("job"), now=datetime.now(UTC) + 2 * HOUR)

    assert desk.events(code) == [Event.RESERVATION_MADE, Event.RESERVATION_ENDED]


NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
STATES = [
    (-MOMENT, ReservationState.PLANNED),
    (timedelta(), ReservationState.ACTIVE),
    (HOUR - MOMENT, ReservationState.ACTIVE),
    (HOUR, ReservationState.ENDED),
]


@pytest.mark.parametrize("written", [state for state in ReservationState if state is not ReservationState.CANCELLED])
@pytest.mark.parametrize(("after", "state"), STATES)
def test_time_decides_whatever_was_written(
    written: ReservationState, after: timedelta, state: ReservationState
) -> None:
    assert state_at(written, NOON, NOON + HOUR, NOON + after) is state


def test_a_cancelled_one_stays_cancelled() -> None:
    assert {state_at(ReservationState.CANCELLED, NOON, NOON + HOUR, NOON + after) for after, _ in STATES} == {
        ReservationState.CANCELLED
    }


def test_the_table_of_states() -> None:
    planned, active, ended, cancelled = ReservationState
    assert {
        planned: {active, ended, cancelled}, active: {ended, cancelled}, ended: set(), cancelled: set(),
    } == NEXT_RESERVATION  # fmt: skip


FITS = [
    (None, None, None, True), (Model.BODY_2, None, None, True), (Model.FLEX_2, None, None, False),
    (None, 1, None, True), (None, 2, None, False), (None, None, 1, True), (None, None, 2, False),
    (Model.BODY_2, 1, 1, True), (Model.BODY_2, 1, 2, False),
]  # fmt: skip


@pytest.mark.parametrize(("model", "site", "dock", "fits"), FITS)
def test_a_camera_fits_by_model_and_place(model: Model | None, site: int | None, dock: int | None, fits: bool) -> None:
    active = ReservationState.ACTIVE
    one = ReservationNow(1, "OP", "Op", 1, model, site, dock, NOON, NOON + HOUR, active, 0)

    assert one.fits(Model.BODY_2, 1, 1) is fits


def at_once(live: LiveServer, api: Api, sends: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """Send every request from a client of its own at one moment."""
    start = threading.Barrier(len(sends))

    def run(send: tuple[str, str, dict[str, Any]]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {api.token}"}
        with httpx.Client(base_url=f"{live.url}/api/v1", headers=headers, timeout=60) as client:
            client.get(f"{live.url}/healthz")
            start.wait(60)
            return client.request(send[0], send[1], json=send[2])

    with ThreadPoolExecutor(len(sends)) as pool:
        return list(pool.map(run, sends))


def test_of_many_counters_at_once_none_takes_what_is_reserved(
    live: LiveServer, api: Api, make: Factory, store: str
) -> None:
    cameras = stocked(make, store, 20)
    reserve(api, store, 12)

    answers = at_once(
        live,
        api,
        [("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), "kind": "pool"}) for serial in cameras],
    )

    assert Counter(answer.status_code for answer in answers) == {201: 8, 409: 12}


def test_of_many_who_issue_for_it_at_once_it_gets_what_it_reserved(
    live: LiveServer, api: Api, make: Factory, store: str
) -> None:
    cameras = stocked(make, store, 20)
    code = reserve(api, store, 12).json["code"]
    body = {"kind": "pool", "operation": code}

    answers = at_once(
        live, api, [("POST", f"/cameras/{serial}/issue", {"collar": make.officer(), **body}) for serial in cameras]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 12, 409: 8}
    assert api("GET", f"/reservations/{code}").json["out"] == 12


def test_of_two_who_reserve_the_same_cameras_at_once_one_is_refused(
    live: LiveServer, api: Api, make: Factory, store: str
) -> None:
    stocked(make, store, 10)
    now = datetime.now(UTC)
    body = {"name": "Op", "count": 6, "dock": store, "begins_at": iso(now + HOUR), "ends_at": iso(now + 2 * HOUR)}

    answers = at_once(live, api, [("POST", "/reservations", {**body, "code": unique("OP")}) for _ in range(6)])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}


def test_a_personal_issue_of_a_pool_camera_is_for_good_and_meets_what_is_to_come(
    desk: Desk, api: Api, make: Factory, store: str
) -> None:
    (serial,) = stocked(make, store, 1)
    reserve(api, store, 1, begins=1_000, ends=1_001)

    with pytest.raises(CameraNotReady, match="is needed for Op Pelkin"):
        desk.issue(serial, make.officer(), IssueKind.PERSONAL)


def test_only_a_store_and_those_above_it_reserve(app: Service, api: Api) -> None:
    assert reserve(api_of(app, Role.IT), "D", 1).status_code == 403
    assert api_of(app, Role.AUDITOR)("GET", "/reservations").status_code == 200
    assert api("GET", "/reservations?state=active&q=OP").status_code == 200
