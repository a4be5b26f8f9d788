"""The same request twice has one effect, whoever repeats it and whatever happened in between."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.idempotency import IdempotencyKey
from fleet.web import Service
from tests.accounts import cookie_of, new_account
from tests.conftest import Api, api_of
from tests.custody.conftest import Desk
from tests.factories import Factory, unique
from tests.live import LiveServer

REPLAYED = "Idempotency-Replayed"


@pytest.fixture
def desk(app: Service, make: Factory) -> Desk:
    return Desk(app, make)


def test_the_same_key_and_body_give_the_same_answer_and_one_effect(api: Api, make: Factory, desk: Desk) -> None:
    serial, body, key = make.camera(), {"collar": make.officer(), "kind": "pool"}, unique("k")

    first = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)
    second = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert first.content_type == second.content_type
    assert (REPLAYED in first.headers, REPLAYED in second.headers) == (False, True)
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_a_replay_tells_what_happened_then_not_what_is_now(api: Api, make: Factory) -> None:
    serial, body, key = make.camera(), {"collar": make.officer(), "kind": "pool"}, unique("k")
    first = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)
    api("POST", f"/cameras/{serial}/return", {"condition": "good"})

    again = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)

    assert again.data == first.data
    assert (api("GET", f"/cameras/{serial}").json or {})["custody"] == "in_stock"


def test_a_created_thing_is_replayed_with_its_place_and_tag(api: Api) -> None:
    body, key = {"serial": unique("X"), "model": "flex-2"}, unique("k")

    first = api("POST", "/cameras", body, Idempotency_Key=key)
    second = api("POST", "/cameras", body, Idempotency_Key=key)

    for name in ("Location", "ETag", "Content-Type"):
        assert first.headers[name] == second.headers[name]


@pytest.mark.parametrize("change", ["body", "path", "method", "query"])
def test_the_same_key_for_another_request_is_refused(api: Api, make: Factory, desk: Desk, change: str) -> None:
    serial, other, key = make.issued()[0], make.issued()[0], unique("k")
    assert api("POST", f"/cameras/{serial}/return", {"condition": "good"}, Idempotency_Key=key).status_code == 200

    answer = {
        "body": lambda: api("POST", f"/cameras/{serial}/return", {"condition": "faulty"}, Idempotency_Key=key),
        "path": lambda: api("POST", f"/cameras/{other}/return", {"condition": "good"}, Idempotency_Key=key),
        "method": lambda: api("PATCH", f"/cameras/{serial}", {"condition": "good"}, Idempotency_Key=key),
        "query": lambda: api("POST", f"/cameras/{serial}/return?x=1", {"condition": "good"}, Idempotency_Key=key),
    }[change]()

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert desk.custody(other) is Custody.ISSUED


def test_a_refusal_is_an_answer_and_kept(api: Api, make: Factory) -> None:
    serial, _ = make.issued()
    body, key = {"collar": make.officer(), "kind": "pool"}, unique("k")
    refused = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)
    api("POST", f"/cameras/{serial}/return", {"condition": "good"})

    again = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)

    assert (refused.status_code, again.status_code) == (409, 409)
    assert again.data == refused.data
    assert again.content_type == "application/problem+json"


def test_a_refusal_that_is_evidence_is_logged_once(api: Api, make: Factory, desk: Desk) -> None:
    serial, body, key = make.camera(), {"collar": make.officer(trained_until=None), "kind": "pool"}, unique("k")

    for _ in range(3):
        assert api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key).status_code == 409

    assert desk.events(serial) == [Event.ISSUE_REFUSED]


def test_a_refused_write_leaves_nothing_but_its_answer(api: Api, make: Factory) -> None:
    taken, team = make.officer(), unique("Team")

    answer = api("POST", "/people", {"collar": taken, "team": team}, Idempotency_Key=unique("k"))

    assert answer.status_code == 409
    assert (api("GET", f"/people?team={team}").json or {})["items"] == []


def test_an_unusable_body_is_refused_alike_again(api: Api) -> None:
    key = unique("k")

    answers = [api("POST", "/cameras", {"serial": ""}, Idempotency_Key=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].data == answers[1].data


def test_a_failure_of_the_service_is_not_kept(
    api: Api, make: Factory, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial, body, key = make.camera(), {"collar": make.officer(), "kind": "pool"}, unique("k")
    with monkeypatch.context() as broken:
        broken.setattr("fleet.custody.service.hand_over", lambda *_, **__: 1 // 0)
        failed = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)

    again = api("POST", f"/cameras/{serial}/issue", body, Idempotency_Key=key)

    assert (failed.status_code, again.status_code) == (500, 201)
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_keys_are_each_callers_own(app: Service, make: Factory) -> None:
    key, one, other = unique("k"), api_of(app), api_of(app)

    mine = one("POST", "/cameras", {"serial": unique("X"), "model": "body-2"}, Idempotency_Key=key)
    theirs = other("POST", "/cameras", {"serial": unique("X"), "model": "body-2"}, Idempotency_Key=key)

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.data != theirs.data


def test_who_may_not_gets_nothing_kept(app: Service, api: Api) -> None:
    key = unique("k")
    body = {"serial": unique("X"), "model": "body-2"}
    headers = {"Idempotency-Key": key, "Authorization": "Bearer nobody"}

    answer = api.client.post("/api/v1/cameras", json=body, headers=headers)

    assert answer.status_code == 401
    with app.database.transaction() as session:
        kept = session.scalar(sa.select(sa.func.count()).where(IdempotencyKey.key == key))
    assert kept == 0


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
def test_what_cannot_be_a_key_is_refused(api: Api, make: Factory, desk: Desk, key: str) -> None:
    serial, _ = make.issued()

    answer = api("POST", f"/cameras/{serial}/return", {"condition": "good"}, Idempotency_Key=key)

    assert answer.status_code == 422
    assert desk.custody(serial) is Custody.ISSUED


def test_a_read_takes_no_notice_of_a_key(api: Api, make: Factory) -> None:
    serial, key = make.camera(), unique("k")

    assert api("GET", f"/cameras/{serial}", Idempotency_Key=key).status_code == 200
    assert api("GET", "/cameras?limit=1", Idempotency_Key=key).status_code == 200


def test_a_query_that_is_not_utf_8_is_no_failure(api: Api, make: Factory) -> None:
    serial, _ = make.issued()
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": unique("k")}

    answers = [
        api.client.post(
            f"/api/v1/cameras/{serial}/return",
            json={"condition": "good"},
            headers=headers,
            environ_overrides={"QUERY_STRING": "x=\xff"},
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_two_at_once_have_one_effect(live: LiveServer, api: Api, make: Factory, desk: Desk) -> None:
    serial, key, together = make.camera(), unique("k"), threading.Barrier(16)
    body = {"collar": make.officer(), "kind": "pool"}
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": key}

    def send(_: int) -> httpx.Response:
        with httpx.Client(base_url=live.url, headers=headers, timeout=30) as client:
            client.get("/healthz")
            together.wait(30)
            return client.post(f"/api/v1/cameras/{serial}/issue", json=body)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(16)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert desk.events(serial) == [Event.CAMERA_ISSUED]


def test_a_refused_act_with_a_key_leaves_nothing_of_what_it_began(app: Service, make: Factory, desk: Desk) -> None:
    serial, before = make.issued()
    untrained = make.officer(trained_until=None)
    client = app.test_client()
    cookie = cookie_of(app, new_account(app, Role.STORE))
    client.set_cookie(cookie["name"], cookie["value"])
    asked = {"scan": serial, "answers": True, "state": {"officer": untrained, "take_over": serial}}

    answer = client.post(
        "/counter/scans", json=asked, headers={"Idempotency-Key": unique("k"), "Accept": "application/json"}
    )

    assert (answer.status_code, (answer.json or {})["rule"]) == (409, 4)
    assert desk.holders(serial) == [before]
    assert desk.events(serial) == [Event.CAMERA_ISSUED, Event.ISSUE_REFUSED]
