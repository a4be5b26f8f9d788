"""The service as a station meets it: away, slow, refusing, hostile."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.air.loop import run
from ble.protocol.cose import PrivateKey
from ble.station.courier import Courier
from ble.station.errors import NotEnrolled, ServiceAway, ServiceRefused, StationError
from ble.station.service import ANSWER_LIMIT, JobKind, Service, require_protected
from ble.station.store import Report, Store
from ble.station.wording import bytes_of, instant, seconds_of, text_of

URL = "https://fleet.example"
Handler = Callable[[httpx.Request], httpx.Response]


def asked(handler: Handler, what: Callable[[Service], Awaitable[object]]) -> object:
    async def main() -> object:
        service = Service(URL, "token", transport=httpx.MockTransport(handler))
        try:
            return await what(service)
        finally:
            await service.close()

    return run(main())


@pytest.mark.parametrize("url", ["http://fleet.example", "ftp://fleet.example", "fleet.example", "", "https://"])
def test_a_token_is_never_sent_in_the_clear(url: str) -> None:
    with pytest.raises(ServiceRefused):
        require_protected(url)


@pytest.mark.parametrize(
    "url", ["https://fleet.example", "http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]"]
)
def test_https_and_this_machine_are_protected(url: str) -> None:
    assert require_protected(url + "/") == url


def test_the_token_goes_in_the_header_alone() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"job": None, "trust_epoch": 3, "poll_s": 2})

    turn = asked(answer, lambda service: service.turn(20))
    assert getattr(turn, "poll_s", None) == 2
    assert seen[0].headers["Authorization"] == "Bearer token"
    assert "token" not in str(seen[0].url)
    assert seen[0].url.params["wait_s"] == "20"


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, ServiceAway), (502, ServiceAway), (503, ServiceAway), (429, ServiceAway), (408, ServiceAway),
     (401, NotEnrolled), (403, ServiceRefused), (404, ServiceRefused), (409, ServiceRefused), (422, ServiceRefused),
     (302, ServiceRefused)],
)  # fmt: skip
def test_each_refusal_says_whether_asking_again_helps(status: int, error: type[StationError]) -> None:
    with pytest.raises(error):
        asked(lambda _: httpx.Response(status, json={"detail": "no"}), lambda service: service.turn())


def test_a_rules_number_and_who_can_mend_it_come_through() -> None:
    problem = {"title": "Conflict", "detail": "The clock is off by 90 s.", "rule": 13, "mend": "armourer"}
    with pytest.raises(ServiceRefused) as refusal:
        asked(lambda _: httpx.Response(409, json=problem), lambda service: service.permit("1", {}, {}))
    assert (refusal.value.rule, refusal.value.status) == (13, 409)
    assert "armourer" in refusal.value.mend


def test_the_service_may_say_when_to_come_again() -> None:
    with pytest.raises(ServiceAway) as away:
        asked(lambda _: httpx.Response(503, headers={"Retry-After": "17"}), lambda service: service.turn())
    assert away.value.after_s == 17


@given(st.binary(max_size=300))
def test_an_answer_of_any_kind_is_an_error_of_ours(body: bytes) -> None:
    key = PrivateKey.generate().public
    for ask in (
        lambda service: service.turn(),
        lambda service: service.enrol("c", key, key),
        lambda service: service.permit("1", {}, {}),
        lambda service: service.trust(),
    ):
        with pytest.raises((ServiceAway, ServiceRefused)):
            asked(lambda _: httpx.Response(200, content=body), ask)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


_JOB = dict.fromkeys(("id", "expires_at", "orders", "replaces", "taser"), _JSON)


@given(st.fixed_dictionaries(_JOB | {"kind": _JSON | st.sampled_from([*JobKind])}))
def test_a_job_of_any_kind_is_a_job_or_an_error_of_ours(job: dict[str, object]) -> None:
    body = {"job": job, "trust_epoch": 1, "poll_s": 1}
    try:
        asked(lambda _: httpx.Response(200, json=body), lambda service: service.turn())
    except ServiceAway:
        return


@given(_JSON, _JSON)
def test_a_permit_of_any_kind_is_one_or_an_error_of_ours(permit: object, orders: object) -> None:
    try:
        body = {"permit": permit, "orders": orders}
        asked(lambda _: httpx.Response(200, json=body), lambda service: service.permit("1", {}, {}))
    except ServiceAway:
        return


def test_an_endless_answer_is_not_taken() -> None:
    with pytest.raises(ServiceAway):
        asked(lambda _: httpx.Response(200, content=b" " * (ANSWER_LIMIT + 1)), lambda service: service.turn())


def test_reports_arrive_in_order_each_once_over_a_service_that_comes_and_goes(tmp_path: Path) -> None:
    taken: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        number = len(calls)
        calls.append(number)
        name = request.headers["Idempotency-Key"]
        if number % 5 == 1:
            raise httpx.ConnectError("no route")
        if name not in taken:
            taken.append(name)
        if number % 5 == 3:
            # Done, and the answer lost.
            raise httpx.ReadError("broken")
        return httpx.Response(503 if number % 5 == 4 else 200, json={})

    calls: list[int] = []

    async def main() -> None:
        store = Store.open(tmp_path)
        service = Service(URL, "token", transport=httpx.MockTransport(answer))
        courier = Courier(store, service)
        store.put(*(Report(f"r{number}", "/x", {}) for number in range(40)))
        task = asyncio.create_task(courier.run())
        assert await courier.rest(24 * 3600)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.close()

    run(main())
    assert taken == [f"r{number}" for number in range(40)]
    assert len(calls) > 40


def test_a_token_that_ended_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        store = Store.open(tmp_path)
        service = Service(URL, "old", transport=httpx.MockTransport(lambda _: httpx.Response(401)))
        store.put(Report("a", "/x", {}))
        with pytest.raises(NotEnrolled):
            await Courier(store, service).deliver()
        assert store.waiting() == 1
        assert store.refusals() == []
        store.close()

    run(main())


@given(st.binary(max_size=200))
def test_binary_is_written_in_one_way(data: bytes) -> None:
    assert bytes_of(text_of(data)) == data


@given(st.text(max_size=40))
def test_text_that_is_no_binary_is_refused_or_is_its_one_form(text: str) -> None:
    try:
        data = bytes_of(text)
    except ValueError:
        return
    assert text_of(data) == text


def test_instants_are_in_utc_and_have_a_zone() -> None:
    assert instant(1_527_854_400.25) == "2018-06-01T12:00:00.250Z"
    assert seconds_of("2018-06-01T12:00:00.250Z") == 1_527_854_400.25
    with pytest.raises(ValueError, match="time zone"):
        seconds_of("2018-06-01T12:00:00")
