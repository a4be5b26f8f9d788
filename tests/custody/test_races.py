"""Many at once, through several processes: a camera is never in two places, an officer never has two (rule 7)."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from fleet.audit import Event
from fleet.custody.models import IssueKind
from fleet.custody.service import AlreadyHolds
from tests.conftest import Api
from tests.custody.conftest import Desk
from tests.factories import Factory, unique
from tests.live import LiveServer

MANY = 64
Send = Callable[[httpx.Client], httpx.Response]


@pytest.fixture
def race(live: LiveServer, api: Api) -> Callable[[Sequence[Send]], list[httpx.Response]]:
    """Sends every request from a client of its own, connected beforehand, all at one moment."""

    def together(sends: Sequence[Send]) -> list[httpx.Response]:
        start = threading.Barrier(len(sends))

        def run(send: Send) -> httpx.Response:
            headers = {"Authorization": f"Bearer {api.token}"}
            with httpx.Client(base_url=f"{live.url}/api/v1", headers=headers, timeout=60) as client:
                client.get(f"{live.url}/healthz")
                start.wait(60)
                return send(client)

        with ThreadPoolExecutor(len(sends)) as pool:
            return list(pool.map(run, sends))

    return together


def issue(serial: str, collar: str, kind: str = "pool", **headers: str) -> Send:
    body = {"collar": collar, "kind": kind}
    return lambda client: client.post(f"/cameras/{serial}/issue", json=body, headers=headers)


def give_back(serial: str) -> Send:
    return lambda client: client.post(f"/cameras/{serial}/return", json={"condition": "good"})


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def rules(answers: list[httpx.Response]) -> set[Any]:
    """The rules by which the others were refused."""
    return {answer.json().get("rule") for answer in answers if answer.is_error}


def test_of_64_officers_who_want_one_camera_one_gets_it(race: Any, desk: Desk, make: Factory) -> None:
    serial, officers = make.camera(), [make.officer() for _ in range(MANY)]

    answers = race([issue(serial, collar) for collar in officers])

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert rules(answers) == {7}
    (winner,) = desk.holders(serial)
    assert [answer.json()["collar"] for answer in answers if answer.is_success] == [winner]
    assert desk.events(serial) == [Event.CAMERA_ISSUED]
    assert all(answer.json()["found"]["holder"] == winner for answer in answers if answer.is_error)


@pytest.mark.parametrize("kind", list(IssueKind))
def test_of_64_cameras_for_one_officer_one_is_issued(race: Any, desk: Desk, make: Factory, kind: IssueKind) -> None:
    cameras, collar = [make.camera() for _ in range(MANY)], make.officer()

    answers = race([issue(serial, collar, str(kind)) for serial in cameras])

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert rules(answers) == {7}
    ((serial, active),) = desk.kit(collar).items()
    assert active
    assert [one for one in cameras if desk.events(one)] == [serial]
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_an_officer_raced_for_both_kinds_has_one_active_camera(race: Any, desk: Desk, make: Factory) -> None:
    cameras, collar = [make.camera() for _ in range(32)], make.officer()

    answers = race([issue(serial, collar, "pool" if place % 2 else "personal") for place, serial in enumerate(cameras)])

    kit = desk.kit(collar)
    assert len(kit) == statuses(answers)[201] <= 2
    assert sum(kit.values()) == 1
    assert rules(answers) == {7}


def test_64_with_one_key_have_one_effect_and_one_answer(race: Any, desk: Desk, make: Factory) -> None:
    serial, collar, key = make.camera(), make.officer(), unique("k")

    answers = race([issue(serial, collar, **{"Idempotency-Key": key})] * MANY)

    assert statuses(answers) == {201: MANY}
    assert len({answer.content for answer in answers}) == 1
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_of_64_returns_of_one_camera_one_counts(race: Any, desk: Desk, make: Factory) -> None:
    serial, _ = make.issued()

    answers = race([give_back(serial)] * MANY)

    assert statuses(answers) == {200: 1, 409: MANY - 1}
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.CAMERA_RETURNED]


def test_issues_and_returns_of_few_cameras_and_officers_leave_a_story_that_holds(
    race: Any, desk: Desk, make: Factory
) -> None:
    cameras, officers = [make.camera() for _ in range(3)], [make.officer() for _ in range(3)]
    sends: list[Send] = []
    for place in range(MANY):
        serial, collar = cameras[place % 3], officers[place // 3 % 3]
        sends.append(
            give_back(serial) if place % 4 == 3 else issue(serial, collar, "pool" if place % 2 else "personal")
        )

    answers = race(sends)

    assert set(statuses(answers)) <= {200, 201, 409}
    for serial in cameras:
        require_alternating(desk, serial)
    for collar in officers:
        kit = desk.kit(collar)
        assert sum(kit.values()) == bool(kit)


def require_alternating(desk: Desk, serial: str) -> None:
    """Issue, return, issue, …: and who has the camera is whoever it was issued to last."""
    log = desk.log(serial)
    events = [entry.event for entry in log]
    expected = [Event.CAMERA_RETURNED if place % 2 else Event.CAMERA_ISSUED for place in range(len(events))]
    assert events == expected
    out = log[-1].officer if events and events[-1] is Event.CAMERA_ISSUED else None
    assert desk.holders(serial) == ([out] if out else [])


def test_take_overs_are_undone_beside_others_without_a_circle(desk: Desk, make: Factory) -> None:
    for _ in range(8):
        (one, jo), (other, sam) = make.issued(kind=IssueKind.PERSONAL), make.issued(kind=IssueKind.PERSONAL)
        taken = desk.take_over(one, sam)
        returned = desk.history(one)[0]
        start = threading.Barrier(2)

        def undo(start: threading.Barrier = start, ids: tuple[int, int] = (taken, returned)) -> None:
            start.wait(30)
            desk.undo_take_over(*ids)

        def take(start: threading.Barrier = start, serial: str = other, collar: str = jo) -> None:
            start.wait(30)
            with contextlib.suppress(AlreadyHolds):
                desk.take_over(serial, collar)

        with ThreadPoolExecutor(2) as pool:
            acts = [pool.submit(undo), pool.submit(take)]

        assert [act.exception() for act in acts] == [None, None]
        assert desk.holders(one) == [jo]


def test_take_overs_at_once_hand_the_camera_on_one_by_one(desk: Desk, make: Factory) -> None:
    """The counter's take-over is a return and an issue in one transaction, so others see neither or both."""
    serial, first = make.issued()
    officers = [make.officer() for _ in range(8)]
    start = threading.Barrier(len(officers))

    def take(collar: str) -> None:
        start.wait(30)
        desk.take_over(serial, collar)

    with ThreadPoolExecutor(len(officers)) as pool:
        list(pool.map(take, officers))

    require_alternating(desk, serial)
    issued = [entry.officer for entry in desk.log(serial) if entry.event is Event.CAMERA_ISSUED]
    assert issued[0] == first
    assert sorted(issued[1:]) == sorted(officers)
    assert desk.holders(serial) == [issued[-1]]


@pytest.mark.parametrize("had", list(IssueKind))
def test_officers_who_take_each_others_cameras_at_once_never_wait_in_a_circle(
    desk: Desk, make: Factory, had: IssueKind
) -> None:
    """A circle would end as a database error (a deadlock), not as a rule's refusal."""

    def take(start: threading.Barrier, serial: str, collar: str, kind: IssueKind) -> None:
        start.wait(30)
        with contextlib.suppress(AlreadyHolds):
            desk.take_over(serial, collar, kind)

    for kind in [*IssueKind] * 4:
        (one, jo), (other, sam) = make.issued(kind=had), make.issued(kind=had)
        start = threading.Barrier(2)

        with ThreadPoolExecutor(2) as pool:
            acts = [pool.submit(take, start, one, sam, kind), pool.submit(take, start, other, jo, kind)]

        assert [act.exception() for act in acts] == [None, None]
        assert len(desk.holders(one)) == len(desk.holders(other)) == 1
        require_alternating(desk, one)
        require_alternating(desk, other)
