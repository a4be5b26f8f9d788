"""Subscriptions over the API and on pages."""

import pytest

from fleet.actors import Role
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import unique
from tests.pages.conftest import Person, signed_in, text_of

URL = "https://receiver.example/hook"


@pytest.fixture
def it(app: Service) -> Person:
    return signed_in(app, Role.IT)


@pytest.fixture
def caller(app: Service) -> Api:
    return api_of(app, Role.IT)


def body(**more: object) -> dict[str, object]:
    return {"name": unique("hook"), "url": URL, "events": ["camera.issued", "camera.returned"]} | more


def made(api: Api) -> int:
    number: int = api("POST", "/webhooks", body()).get_json()["id"]
    return number


def test_a_subscription_is_made_and_its_secret_told_once(caller: Api) -> None:
    answer = caller("POST", "/webhooks", body())

    assert answer.status_code == 201
    assert answer.get_json()["secret"].startswith("whsec_")
    again = caller("GET", f"/webhooks/{answer.get_json()['id']}").get_json()
    assert "secret" not in again
    assert (again["state"], again["events"]) == ("active", ["camera.issued", "camera.returned"])


def test_a_repeated_request_makes_one_and_its_kept_answer_holds_no_secret(caller: Api) -> None:
    wanted = body()

    first = caller("POST", "/webhooks", wanted, Idempotency_Key="made")
    again = caller("POST", "/webhooks", wanted, Idempotency_Key="made")

    assert first.get_json() == again.get_json()
    assert first.get_json()["secret"] is None
    number = first.get_json()["id"]
    assert caller("POST", f"/webhooks/{number}/secret", Idempotency_Key="secret").status_code == 422
    assert caller("POST", f"/webhooks/{number}/secret").get_json()["secret"].startswith("whsec_")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"url": "http://receiver.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["camera.stolen-by-magpies"]}, "events"),
        ({"name": "  "}, "name"),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(caller: Api, more: dict[str, object], field: str) -> None:
    answer = caller("POST", "/webhooks", body(**more))

    assert answer.status_code == 422
    assert field in answer.get_json()["errors"]


def test_a_change_needs_what_was_read_and_details_the_right_to_read_the_log(caller: Api) -> None:
    path = f"/webhooks/{made(caller)}"
    tag = caller("GET", path).headers["ETag"]

    assert caller("PATCH", path, {"url": URL}).status_code == 428
    assert caller("PATCH", path, {"details": True}, If_Match=tag).status_code == 403
    assert caller("PATCH", path, {"url": f"{URL}2"}, If_Match=tag).get_json()["url"] == f"{URL}2"
    assert caller("PATCH", path, {"url": URL}, If_Match=tag).status_code == 412


def test_two_have_not_one_name(caller: Api) -> None:
    wanted = body()
    caller("POST", "/webhooks", wanted)

    assert caller("POST", "/webhooks", wanted).status_code == 409


def test_it_is_paused_resumed_tested_replayed_and_deleted(caller: Api) -> None:
    path = f"/webhooks/{made(caller)}"
    time = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}

    assert caller("POST", f"{path}/pause").get_json()["state"] == "paused"
    assert caller("POST", f"{path}/test").status_code == 409
    assert caller("POST", f"{path}/resume").get_json()["state"] == "active"
    queued = caller("POST", f"{path}/test").get_json()["id"]
    assert [one["id"] for one in caller("GET", f"{path}/deliveries").get_json()["items"]] == [queued]
    assert caller("POST", f"{path}/deliveries/{queued}/replay").status_code == 202
    assert caller("POST", f"{path}/replay", time).get_json() == {"entries": 0}
    assert caller("DELETE", path).status_code == 200
    assert caller("GET", path).status_code == 404
    assert caller("GET", f"{path}/deliveries").status_code == 404


def test_the_pages_make_one_show_its_secret_once_and_its_deliveries(it: Person) -> None:
    name = unique("hook")
    shown = it.post("/webhooks/new", name=name, url=URL, events=["camera.issued", "camera.returned"])
    assert shown.status_code == 200
    assert "whsec_" in shown.text
    path = shown.text.split('href="/webhooks/')[1].split('"')[0]
    page = f"/webhooks/{path}"

    assert "Nothing was sent yet" in it.reads(page)
    assert it.post(f"{page}/test").status_code == 303
    assert "Webhook test Pending" in it.reads(page)
    assert name in it.reads("/deliveries?state=pending")
    assert name in it.reads("/webhooks")
    assert "whsec_" not in it.get(page).text
    assert it.post(f"{page}/pause").status_code == 303
    assert "Paused" in it.reads(page)


def test_a_form_with_errors_keeps_what_was_typed(it: Person) -> None:
    answer = it.post("/webhooks/new", name="Mine", url="http://x/", events=["camera.issued"])

    assert answer.status_code == 422
    assert "The URL must begin with https://" in text_of(answer)
    assert 'value="Mine"' in answer.text
    assert 'value="camera.issued" checked' in answer.text


def test_a_form_made_from_an_older_state_is_refused(it: Person, caller: Api) -> None:
    number = made(caller)
    typed = {"name": unique("hook"), "url": URL, "events": ["camera.issued"]}

    assert it.post(f"/webhooks/{number}/edit", **typed, version="1").status_code == 303
    assert it.post(f"/webhooks/{number}/edit", **typed, version="1").status_code == 412
