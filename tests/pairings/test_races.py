"""Two at once, through several processes: one Taser is never paired twice, and a job is never two stations'."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from ble.protocol.credentials import Kind
from fleet.pairings.models import StationJob
from fleet.tasers.models import Pairing, Taser
from tests.factories import unique
from tests.live import LiveServer
from tests.pairings.conftest import Armoury, Pair
from tests.pairings.paper import Device, b64, fired, heard

MANY = 16
Send = Callable[[httpx.Client], httpx.Response]


@pytest.fixture
def together(live: LiveServer) -> Callable[[Sequence[tuple[str, Send]]], list[httpx.Response]]:
    """Sends each request with its token from a client of its own, connected beforehand, all at one moment."""

    def run_all(sends: Sequence[tuple[str, Send]]) -> list[httpx.Response]:
        start = threading.Barrier(len(sends))

        def run(one: tuple[str, Send]) -> httpx.Response:
            token, send = one
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=f"{live.url}/api/v1", headers=headers, timeout=60) as client:
                client.get(f"{live.url}/healthz")
                start.wait(60)
                return send(client)

        with ThreadPoolExecutor(len(sends)) as pool:
            return list(pool.map(run, sends))

    return run_all


def ask(pair: Pair, camera: str | None = None) -> Send:
    body = {"taser": pair.taser.taser, "camera": camera or pair.camera.serial}
    return lambda client: client.post("/pairings", json=body)


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def pairings_of(armoury: Armoury, pair: Pair) -> list[Pairing]:
    with armoury.app.database.transaction() as session:
        found = sa.select(Pairing).join(Taser, Taser.id == Pairing.taser_id).where(Taser.serial == pair.taser.taser)
        return list(session.scalars(found))


def test_of_many_armourers_who_pair_one_taser_one_does(armoury: Armoury, together: Any, pair: Pair) -> None:
    cameras = [armoury.commissioned().camera.serial for _ in range(3)]
    sends = [(armoury.armourer.token, ask(pair, [pair.camera.serial, *cameras][place % 4])) for place in range(MANY)]

    answers = together(sends)

    assert statuses(answers) == {201: 1, 409: MANY - 1}, [answer.text for answer in answers if answer.is_error][:2]
    assert len(pairings_of(armoury, pair)) == 1
    # Nobody's job would be the next test's.
    assert armoury.armourer("DELETE", f"/pairings/{pairings_of(armoury, pair)[0].id}").status_code == 200
    with armoury.app.database.transaction() as session:
        jobs = sa.select(StationJob).where(StationJob.pairing_id == pairings_of(armoury, pair)[0].id)
        assert len(session.scalars(jobs).all()) == 1


def test_of_two_stations_that_ask_at_once_each_job_goes_to_one(armoury: Armoury, together: Any) -> None:
    stations = [armoury.station, armoury.new_station()]
    for _ in range(2):
        body = {"kind": "commission", "taser": armoury.make.taser(sppm=unique("SP"))}
        assert armoury.armourer("POST", "/station-jobs", body).status_code == 201

    sends = [(stations[place % 2].token, lambda client: client.get("/stations/jobs/next")) for place in range(MANY)]
    answers = together(sends)

    got: dict[int, set[int]] = {}
    for place, answer in enumerate(answers):
        assert answer.status_code == 200, answer.text
        job = answer.json()["job"]
        if job is not None:
            got.setdefault(place % 2, set()).add(job["id"])
    for place, jobs in got.items():
        for job in jobs:
            stations[place].end(job)
    assert all(len(jobs) == 1 for jobs in got.values())
    assert len(got) == len({job for jobs in got.values() for job in jobs})


def test_one_code_that_is_used_many_times_at_once_makes_one_station(armoury: Armoury, together: Any) -> None:
    from_it = armoury.it("POST", "/stations", {"name": unique("ST")}).json or {}

    def enrol() -> Send:
        body = {"code": from_it["code"], **Device(Kind.STATION, "station").keys()}
        return lambda client: client.post("/stations/enrol", json=body)

    answers = together([(armoury.it.token, enrol()) for _ in range(4)])

    assert statuses(answers) == {201: 1, 403: 3}, [answer.text for answer in answers]


def test_receipts_against_a_revocation_end_in_one_state_for_all(armoury: Armoury, together: Any) -> None:
    for _ in range(4):
        pair = armoury.permitted(armoury.commissioned())
        check = bytes(16)
        body = {
            "taser": b64(pair.taser.receipt(pair.permit, pair.camera, check)),
            "camera": b64(pair.camera.receipt(pair.permit, pair.taser, check)),
        }
        url, number = f"/stations/jobs/{pair.job}/receipts", pair.pairing
        sends: list[tuple[str, Send]] = [
            (armoury.station.token, lambda client, url=url, body=body: client.post(url, json=body)),  # type: ignore[misc]
            (armoury.armourer.token, lambda client, number=number: client.delete(f"/pairings/{number}")),  # type: ignore[misc]
        ]

        answers = together(sends)

        assert answers[0].status_code in {200, 409}
        assert answers[1].status_code == 200
        assert armoury.state(pair) == ("revoked", "by-hand")
        parting = armoury.station.next()
        assert parting is not None
        assert parting["kind"] == "unpair"
        armoury.station.end(parting["id"])


def test_a_magazine_swapped_while_it_is_paired_never_leaves_it_active(armoury: Armoury, together: Any) -> None:
    for _ in range(4):
        pair = armoury.agreed(armoury.commissioned())
        entry, account = fired(pair.taser, pair.camera, pair.radio_id, 9), heard(pair.camera, pair.radio_id, 9)
        test = {"taser": b64(entry), "camera": b64(account)}
        swap = {"sppm": unique("SP")}
        serial, job = pair.taser.taser, pair.job
        sends: list[tuple[str, Send]] = [
            (armoury.station.token, lambda c, job=job, test=test: c.post(f"/stations/jobs/{job}/test", json=test)),  # type: ignore[misc]
            (armoury.armourer.token, lambda c, serial=serial, swap=swap: c.patch(  # type: ignore[misc]
                f"/tasers/{serial}", json=swap, headers={"If-Match": "*"})),
        ]  # fmt: skip

        answers = together(sends)

        assert {answer.status_code for answer in answers} <= {200, 409}
        assert answers[1].status_code == 200
        assert armoury.state(pair) == ("suspended", "battery-swap")
        armoury.station.end(pair.job)
