"""A monitor on the modelled air: commissioned, paired with a Taser, companion of a camera; hears, starts, alerts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ble.air.backend import backends
from ble.air.loop import run
from ble.air.stack import power_on
from ble.devices.modes import Mode
from ble.devices.recordings import Cause
from ble.devices.world import World
from ble.monitor.keeping import decode, encode
from ble.monitor.monitor import Alert, Monitor
from ble.protocol.identifiers import Keys, first_state
from ble.station import enrolment
from ble.station.radio import Radio
from ble.station.service import JobKind, Service
from ble.station.station import Station
from ble.station.store import Store
from tests.ble.station.force import CODE, URL, Force


@dataclass
class Suite:
    """A custody suite: one officer, and a monitor two metres from both."""

    world: World
    force: Force
    folder: Path
    monitor: Monitor
    alerts: list[Alert] = field(default_factory=list)

    @classmethod
    async def build(cls, folder: Path, **world: Any) -> "Suite":
        made = await World.build(seed=3, pairs=1, **world)
        force = Force(made.workshop, lambda: made.time.now_ms() / 1000)
        suite = cls(made, force, folder, None)  # type: ignore[arg-type]
        await suite.power_up("monitor")
        station = suite.monitor.station
        await enrolment.enrol(station.store, station.service, URL, CODE, now=station.clock())
        return suite

    async def power_up(self, name: str) -> None:
        """A process on the folder, and an adapter."""
        store = Store.open(self.folder)
        own = store.identity()
        service = Service(URL, own.token if own else "", transport=self.force.transport)
        adapter = await power_on(self.world.link, name, at=(0.0, 2.0))
        radio = Radio(*backends(adapter))
        station = Station(store, service, radio, lambda: self.world.time.now_ms() / 1000, lambda _: None, wait_s=0)
        self.monitor = Monitor(station, "CUSTODY-1", self.alerts.append)

    async def done(self, kind: JobKind, **about: str) -> None:
        """Have the running monitor carry out a job, with the devices in pairing mode."""
        number = self.force.job(kind, **about)
        await self.world.pairs[0].taser.pairing_mode()
        await self.world.pairs[0].camera.pairing_mode()
        async with asyncio.timeout(90):
            while number not in self.force.ends:
                await asyncio.sleep(0.5)
        assert self.force.ends[number]["outcome"] == "done", self.force.ends

    async def pair_all(self) -> None:
        """Commission the monitor, pair it with the Taser, make it the camera's companion."""
        pair = self.world.pairs[0]
        await self.done(JobKind.COMMISSION, camera="CUSTODY-1")
        await self.done(JobKind.PAIR, sppm=pair.taser.sppm.serial, taser=pair.taser.taser.serial, camera="CUSTODY-1")
        await self.done(JobKind.PAIR, sppm="CUSTODY-1", camera=pair.camera.camera.serial)
        await self.until(lambda: bool(self.monitor.companions.in_reach))

    async def until(self, it_is_so: Callable[[], bool], within_s: float = 60) -> None:
        async with asyncio.timeout(within_s):
            while not it_is_so():
                await asyncio.sleep(0.05)


def in_suite(folder: Path, story: Callable[[Suite], Awaitable[None]], **world: Any) -> None:
    async def main() -> None:
        suite = await Suite.build(folder, **world)
        running = asyncio.create_task(suite.monitor.run())
        try:
            await story(suite)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            suite.monitor.station.store.close()

    run(main())


def test_an_activation_starts_the_companion_camera_and_alerts_the_service_within_a_second(tmp_path: Path) -> None:
    async def story(suite: Suite) -> None:
        await suite.pair_all()
        pair = suite.world.pairs[0]
        # The camera itself holds no pairing with the Taser, so it cannot know of the beacon.
        assert all(
            one.peer != pair.taser.side().memory.agreement.public.id for one in pair.camera.side().memory.pairings
        )
        fired_ms = suite.world.time.now_ms()
        suite.world.fire(0)
        await suite.until(lambda: pair.camera.camera.mode is Mode.RECORDING, 1)
        began = suite.world.time.now_ms() - fired_ms
        await suite.until(lambda: len(suite.force.activations) == 3, 1)
        told = suite.world.time.now_ms() - fired_ms
        print(f"companion records after {began} ms, service told after {told} ms")
        assert told < 1_000
        recording = pair.camera.camera.recordings.all()[-1]
        assert recording.cause is Cause.COMPANION
        assert [(one.kind, one.counter) for one in suite.alerts] == [("armed", 1), ("trigger", 2), ("arc", 3)]
        assert {item["source"] for item in suite.force.activations.values()} == {"monitor"}
        assert suite.monitor.recording[-1] == (pair.camera.camera.serial, True)

    in_suite(tmp_path / "monitor", story, paired=False)


def test_while_the_service_is_away_alerts_wait_on_the_disk_and_outlive_the_process(tmp_path: Path) -> None:
    async def story(suite: Suite) -> None:
        await suite.pair_all()
        suite.force.away = True
        suite.world.fire(0)
        await suite.until(lambda: len(suite.alerts) == 3, 1)
        assert not suite.force.activations
        assert suite.monitor.station.store.waiting() == 3

    in_suite(tmp_path / "monitor", story, paired=False)
    store = Store.open(tmp_path / "monitor")
    assert store.waiting() == 3
    store.close()


def test_an_event_counts_once_over_a_restart(tmp_path: Path) -> None:
    async def story(suite: Suite) -> None:
        await suite.pair_all()
        suite.world.fire(0)
        await suite.until(lambda: len(suite.alerts) == 3, 1)
        suite.monitor.reload()
        # The bursts go on for half a minute; none of it is new.
        await asyncio.sleep(20)
        assert len(suite.alerts) == 3
        suite.world.fire(0)
        await suite.until(lambda: len(suite.alerts) == 5, 2)

    in_suite(tmp_path / "monitor", story, paired=False)


def test_a_camera_that_walks_off_is_held_again_when_it_comes_back(tmp_path: Path) -> None:
    async def story(suite: Suite) -> None:
        await suite.pair_all()
        suite.world.walk_out_of_range(0)
        await suite.until(lambda: not suite.monitor.companions.in_reach, 120)
        # Longer than an address lasts.
        await asyncio.sleep(400)
        suite.world.walk_back(0)
        await suite.until(lambda: bool(suite.monitor.companions.in_reach), 120)
        suite.world.fire(0)
        await suite.until(lambda: suite.world.pairs[0].camera.camera.mode is Mode.RECORDING, 1)

    in_suite(tmp_path / "monitor", story, paired=False)


def test_a_function_test_and_a_taser_made_safe_alert_nobody(tmp_path: Path) -> None:
    async def story(suite: Suite) -> None:
        await suite.pair_all()
        suite.world.test(0)
        await asyncio.sleep(2)
        assert [one.kind for one in suite.alerts] == ["armed"]

    in_suite(tmp_path / "monitor", story, paired=False)


def test_a_window_is_stored_as_it_is() -> None:
    state = first_state(bytes(16), Keys(0, b"b" * 16, b"i" * 16), 7, -3)
    assert decode(encode(state)) == state
