"""An armoury in modelled time: a force's service, devices, an adapter and a station with its folder."""

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ble.air.backend import backends
from ble.air.loop import run
from ble.air.stack import AirDevice, power_on
from ble.devices.world import Pair, World
from ble.station import enrolment
from ble.station.progress import Shown
from ble.station.radio import Radio
from ble.station.service import Service
from ble.station.station import Station
from ble.station.store import Store
from tests.ble.station.force import CODE, URL, Force


@dataclass
class Armoury:
    """What a test has at hand. ``shown`` is what the station's screen showed."""

    world: World
    force: Force
    folder: Path
    adapter: AirDevice
    station: Station
    shown: list[Shown] = field(default_factory=list)

    @classmethod
    async def build(cls, folder: Path, *, seed: int = 1, pairs: int = 1, **world: Any) -> "Armoury":
        made = await World.build(seed=seed, pairs=pairs, **({"paired": False} | world))
        force = Force(made.workshop, lambda: made.time.now_ms() / 1000)
        adapter = await power_on(made.link, "adapter", at=(0.0, 0.5))
        shown: list[Shown] = []
        station = station_of(made, force, folder, adapter, shown.append)
        await enrolment.enrol(station.store, station.service, URL, CODE, now=station.clock())
        await station.keep_current()
        return cls(made, force, folder, adapter, station, shown)

    @property
    def pair(self) -> Pair:
        return self.world.pairs[0]

    def about(self, number: int = 0) -> dict[str, str]:
        """A job's devices: pair ``number``."""
        pair = self.world.pairs[number]
        return {
            "taser": pair.taser.taser.serial,
            "sppm": pair.taser.sppm.serial,
            "camera": pair.camera.camera.serial,
        }

    async def show(self, number: int = 0) -> None:
        """Both devices into pairing mode, by hand."""
        await self.world.pairs[number].taser.pairing_mode()
        await self.world.pairs[number].camera.pairing_mode()

    def arc_when_asked(self, number: int = 0) -> None:
        """The armourer: arms and arcs when the screen says so."""
        before = self.station.show

        def look(shown: Shown) -> None:
            before(shown)
            if (shown.step, shown.state) == ("function test", "begun"):
                asyncio.get_running_loop().call_later(0.3, self.world.test, number)

        self.station.show = look

    def unplug(self) -> None:
        """The adapter is gone this moment."""
        if self.adapter.controller.hci_sink is not None:
            self.adapter.lose_power()

    async def plug_in(self) -> None:
        """Another adapter, under the same station."""
        self.adapter = await power_on(self.world.link, f"adapter-{len(self.force.asked)}", at=(0.0, 0.5))
        self.station.radio = Radio(*backends(self.adapter))

    async def again(self, folder: Path | None = None) -> Station:
        """A new process on the same folder, or on a copy of it, and a new adapter in the place of the old one."""
        self.station.store.close()
        await self.station.service.close()
        self.unplug()
        await asyncio.sleep(5)
        self.adapter = await power_on(self.world.link, f"adapter-{len(self.force.asked)}", at=(0.0, 0.5))
        self.station = station_of(self.world, self.force, folder or self.folder, self.adapter, self.shown.append)
        return self.station


def station_of(world: World, force: Force, folder: Path, adapter: AirDevice, show: Callable[[Shown], None]) -> Station:
    """A station on a folder and an adapter."""
    store = Store.open(folder)
    own = store.identity()
    service = Service(URL, own.token if own else "", transport=force.transport)
    scanner, client = backends(adapter)
    return Station(store, service, Radio(scanner, client), lambda: world.time.now_ms() / 1000, show, wait_s=0)


def copy(folder: Path, to: Path) -> Path:
    """A folder as a killed process leaves it."""
    return Path(shutil.copytree(folder, to))


def in_armoury(
    folder: Path, story: Callable[[Armoury], Awaitable[None]], *, sending: bool = True, **world: Any
) -> None:
    """Run a story in an armoury, in modelled time; the station sends in the background, unless the story sees to it."""

    async def main() -> None:
        armoury = await Armoury.build(folder, **world)
        async with armoury.station.sending() if sending else contextlib.nullcontext():
            await story(armoury)

    run(main())
