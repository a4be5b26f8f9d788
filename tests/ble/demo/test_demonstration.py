"""The demonstration: orders from files, a station with hands, and devices that outlive a restart."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ble.air.loop import run
from ble.demo import orders
from ble.demo.demonstration import Demonstration
from ble.devices.workshop import Workshop
from ble.station.service import JobKind
from tests.ble.station.force import CODE, URL, Force

NOW_MS = 1_767_600_000_000
PAIR = {"taser": "X2-1", "sppm": "SP-1", "camera": "CAM-1"}


def planned(folder: Path) -> Path:
    (folder / "orders").mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"service": URL, "code": CODE, "pairs": [PAIR]}))
    return folder


def order(folder: Path, **what: Any) -> None:
    number = len(list((folder / "orders").glob("*")))
    (folder / "orders" / f"{number:06}.json").write_text(json.dumps(what))


Story = Callable[[Demonstration, Force], Awaitable[None]]


def demonstrated(folder: Path, story: Story, force: list[Force]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        now = lambda: NOW_MS / 1000 + loop.time()  # noqa: E731
        if not force:
            force.append(Force(Workshop.of(9, lambda: int(now())), now))
        force[0].now_s = now
        plan = orders.plan(folder)
        assert plan is not None
        made = await Demonstration.build(folder, plan, now_ms=NOW_MS, transport=force[0].transport)
        made._station.wait_s = 0
        running = asyncio.create_task(made.run())
        try:
            await story(made, force[0])
            await asyncio.sleep(3)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            made._station.store.close()

    run(main())


async def ended(force: Force, kind: JobKind, **about: Any) -> None:
    number = force.job(kind, **about)
    async with asyncio.timeout(120):
        while number not in force.ends:
            await asyncio.sleep(0.2)
    assert force.ends[number]["outcome"] == "done", force.ends


async def paired(_: Demonstration, force: Force) -> None:
    await ended(force, JobKind.COMMISSION, taser="X2-1", sppm="SP-1")
    await ended(force, JobKind.COMMISSION, camera="CAM-1")
    await ended(force, JobKind.PAIR, **PAIR)


def test_jobs_are_done_by_themselves_and_a_taser_fired_by_an_order_starts_its_camera(tmp_path: Path) -> None:
    folder, force = planned(tmp_path / "demo"), []

    async def story(made: Demonstration, force: Force) -> None:
        await paired(made, force)
        order(folder, act="stop", pair=0)
        order(folder, act="fire", pair=0)
        await asyncio.sleep(1)
        (one,) = made.state()["pairs"]
        assert (one["mode"], one["paired"]) == ("recording", True)
        assert one["last"]["latency_ms"] <= 100
        assert json.loads((folder / "state.json").read_text())["station"] == "ARMOURY-1"
        assert not list((folder / "orders").iterdir())

    demonstrated(folder, story, force)


def test_devices_and_their_pairing_outlive_a_restart(tmp_path: Path) -> None:
    folder, force = planned(tmp_path / "demo"), []

    async def left_recording(made: Demonstration, force: Force) -> None:
        await paired(made, force)
        order(folder, act="fire", pair=0)
        await asyncio.sleep(2)
        assert made.state()["pairs"][0]["mode"] == "recording"

    demonstrated(folder, left_recording, force)

    async def story(made: Demonstration, force: Force) -> None:
        (one,) = made.state()["pairs"]
        assert one["paired"]
        # Interrupted by the restart, it is made whole first.
        await asyncio.sleep(6)
        assert made.state()["pairs"][0]["mode"] == "ready"
        order(folder, act="fire", pair=0)
        await asyncio.sleep(1)
        assert made.state()["pairs"][0]["mode"] == "recording"
        await ended(force, JobKind.TEST, **PAIR)

    demonstrated(folder, story, force)


def test_a_swapped_battery_a_camera_off_and_a_camera_away_hear_nothing(tmp_path: Path) -> None:
    folder, force = planned(tmp_path / "demo"), []

    async def story(made: Demonstration, force: Force) -> None:
        await paired(made, force)
        for before, after in (("swap", "swap"), ("camera-off", "camera-on"), ("walk-off", "walk-back")):
            order(folder, act="stop", pair=0)
            order(folder, act=before, pair=0)
            order(folder, act="fire", pair=0)
            await asyncio.sleep(2)
            assert made.state()["pairs"][0]["mode"] in {"ready", "off"}, before
            # Until what is on the air has ended; a camera that comes back sooner hears it still.
            await asyncio.sleep(30)
            order(folder, act=after, pair=0)
            await asyncio.sleep(2)
        order(folder, act="fire", pair=0)
        await asyncio.sleep(1)
        assert made.state()["pairs"][0]["mode"] == "recording"

    demonstrated(folder, story, force)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"act": "melt", "pair": 0}', '{"act": "fire"}', '{"act": "fire", "pair": "0"}']
)
def test_what_is_no_order_is_thrown_away(tmp_path: Path, text: str) -> None:
    folder = planned(tmp_path / "demo")
    (folder / "orders" / "1.json").write_text(text)
    assert list(orders.take(folder)) == []
    assert not list((folder / "orders").iterdir())


def test_an_order_for_a_pair_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    folder, force = planned(tmp_path / "demo"), []

    async def story(made: Demonstration, _: Force) -> None:
        order(folder, act="fire", pair=7)
        await asyncio.sleep(1)
        assert [one["text"] for one in made.state()["news"]] == []

    demonstrated(folder, story, force)
