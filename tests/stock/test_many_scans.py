"""Five thousand scans with half of them doubled, two people at once: each camera counts once, and nothing is slow."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model
from fleet.sites.models import Dock
from fleet.stock.models import StocktakeScan
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory, now, unique
from tests.live import LiveServer

SCANS = 5_000
CAMERAS = SCANS // 2


@pytest.fixture
def store(app: Service, make: Factory) -> tuple[str, list[str]]:
    """A dock with 2,500 cameras: their serials."""
    dock, prefix = make.dock(site=make.site()), unique("M")
    serials = [f"{prefix}-{number:05d}" for number in range(CAMERAS)]
    with app.database.transaction() as session:
        home = session.scalars(sa.select(Dock.id).where(Dock.serial == dock)).one()
        new = {"model": Model.BODY_2, "home_dock_id": home, "custody": Custody.IN_STOCK, "custody_at": now()}
        session.execute(sa.insert(Camera), [new | {"serial": serial} for serial in serials])
    return dock, serials


def doubled(serials: list[str]) -> list[str]:
    scans = serials * 2
    random.Random(5).shuffle(scans)
    return scans


def test_5_000_scans_half_of_them_doubled_at_once_and_again(api: Api, store: tuple[str, list[str]]) -> None:
    dock, serials = store
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]
    scans = doubled(serials)
    began = time.monotonic()

    first = api("POST", f"/stocktakes/{number}/scans", {"scans": scans}, Idempotency_Key="once")
    again = api("POST", f"/stocktakes/{number}/scans", {"scans": scans}, Idempotency_Key="once")

    assert time.monotonic() - began < 10
    assert first.json == again.json
    assert sum(outcome["is_first"] for outcome in first.json["scans"]) == CAMERAS
    counts = {name: value for name, value in first.json["counts"].items() if value}
    assert counts == {"expected": CAMERAS, "seen": CAMERAS, "doubled": CAMERAS}


def test_a_file_sent_again_under_another_key_counts_no_camera_twice(api: Api, store: tuple[str, list[str]]) -> None:
    dock, serials = store
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]

    answers = [api("POST", f"/stocktakes/{number}/scans", {"scans": serials}) for _ in range(2)]

    assert [answer.json["counts"]["seen"] for answer in answers] == [CAMERAS, CAMERAS]
    assert answers[1].json["counts"]["doubled"] == CAMERAS


def test_two_people_scan_the_same_room_and_closing_waits_for_neither(
    live: LiveServer, api: Api, app: Service, store: tuple[str, list[str]]
) -> None:
    """Each posts all of it, in an order of their own, in portions; in between single scans by eight more."""
    dock, serials = store
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]
    start = threading.Barrier(10)

    def post(portions: list[list[str]]) -> list[Any]:
        headers = {"Authorization": f"Bearer {api.token}"}
        with httpx.Client(base_url=f"{live.url}/api/v1", headers=headers, timeout=60) as client:
            start.wait(60)
            answers = [client.post(f"/stocktakes/{number}/scans", json={"scans": scans}) for scans in portions]
        assert {answer.status_code for answer in answers} == {200}
        return [outcome for answer in answers for outcome in answer.json()["scans"]]

    portions = [
        [shuffled[at : at + 500] for at in range(0, CAMERAS, 500)]
        for shuffled in (random.Random(seed).sample(serials, CAMERAS) for seed in range(2))
    ]
    singles = [[[serial] for serial in serials[at::8][:20]] for at in range(8)]
    with ThreadPoolExecutor(10) as pool:
        outcomes = [outcome for made in pool.map(post, portions + singles) for outcome in made]

    assert sum(outcome["is_first"] for outcome in outcomes) == CAMERAS
    counts = api("GET", f"/stocktakes/{number}").json["counts"]
    assert (counts["seen"], counts["missing"], counts["doubled"]) == (CAMERAS, 0, CAMERAS + 160)
    with app.database.transaction() as session:
        rows = session.scalars(sa.select(StocktakeScan.camera_id).where(StocktakeScan.stocktake_id == number)).all()
    assert len(rows) == len(set(rows)) == CAMERAS


def test_a_stocktake_closed_while_others_scan_has_all_that_was_answered(
    live: LiveServer, api: Api, store: tuple[str, list[str]]
) -> None:
    dock, serials = store
    number = api("POST", "/stocktakes", {"dock": dock}).json["id"]
    api("POST", f"/stocktakes/{number}/settlements", {"settled": "unable-to-locate"})
    start = threading.Barrier(5)

    def scan(some: list[str]) -> int:
        headers = {"Authorization": f"Bearer {api.token}"}
        answered = 0
        with httpx.Client(base_url=f"{live.url}/api/v1", headers=headers, timeout=60) as client:
            start.wait(60)
            for serial in some:
                answer = client.post(f"/stocktakes/{number}/scans", json={"scans": [serial]})
                # Closing thousands on a busy machine may take longer than a scan waits; it is sent again then.
                while answer.status_code == 503:
                    answer = client.post(f"/stocktakes/{number}/scans", json={"scans": [serial]})
                assert answer.status_code in {200, 409}
                answered += answer.status_code == 200
        return answered

    def close(_: Any) -> int:
        start.wait(60)
        time.sleep(0.2)
        return api("POST", f"/stocktakes/{number}/close", {}).status_code

    with ThreadPoolExecutor(5) as pool:
        scanners = [pool.submit(scan, serials[at::4][:60]) for at in range(4)]
        closed = pool.submit(close, None).result()

    assert closed == 200
    counts = api("GET", f"/stocktakes/{number}").json["counts"]
    assert counts["seen"] == sum(scanner.result() for scanner in scanners)
    assert counts["unable_to_locate"] == CAMERAS - counts["seen"]
