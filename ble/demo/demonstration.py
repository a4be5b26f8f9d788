"""A few officers' devices, an armoury's station, and somebody's hands, in step with the wall clock."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from ble.air.backend import backends
from ble.air.stack import power_on
from ble.demo import keeping, orders
from ble.demo.orders import Act, Order, Plan
from ble.devices.camera_device import Heard
from ble.devices.sppm import Sppm
from ble.devices.taser import Act as Handle
from ble.devices.taser import Fired
from ble.devices.world import Pair, Serials, World
from ble.protocol.reports import Standing
from ble.station import enrolment
from ble.station.errors import NotEnrolled, ServiceAway, ServiceRefused, StationError
from ble.station.progress import Shown, Step, StepState
from ble.station.radio import Radio
from ble.station.service import Service
from ble.station.station import Station
from ble.station.store import Store
from ble.station.wording import instant

LOOK_S: Final = 0.1
SAVE_S: Final = 1.0
AGAIN_S: Final = 2.0
# A question that waits at the service for longer holds up its end when everything is stopped at once.
WAIT_S: Final = 2
# An armourer who does nothing at the simulator's page is helped after this time: the arc comes by itself.
ARC_AFTER_S: Final = 8.0
_SEED: Final = 1
_NEWS: Final = 30
_ABREAST_M: Final = 1.5


@dataclass
class News:
    """What happened lately, newest first, for whoever watches."""

    items: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=_NEWS))

    def add(self, at: float, text: str) -> None:
        """One thing."""
        self.items.appendleft({"at": instant(at), "text": text})


class Demonstration:
    """The world and the station, driven by orders from the folder."""

    def __init__(self, folder: Path, plan: Plan, world: World, station: Station) -> None:
        self._folder = folder
        self._plan = plan
        self._world = world
        self._station = station
        self._news = News()
        self._fired_s: dict[tuple[str, int], float] = {}
        self._last: dict[int, dict[str, Any]] = {}
        self._spares: dict[int, Sppm] = {}
        self._away: set[int] = set()
        self._saved = -1
        self._tasks: set[asyncio.Task[None]] = set()
        self._error = ""
        station.show = self._show
        for pair in world.pairs:
            pair.camera.on_heard = self._listener(pair)

    @classmethod
    async def build(
        cls, folder: Path, plan: Plan, *, now_ms: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> "Demonstration":
        """The plan's pairs on one air with the station's adapter, as they were when last saved.

        ``transport`` is for a service that is not behind a network.
        """
        names = [Serials(*serials) for serials in plan.pairs]
        world = await World.build(
            seed=_SEED, pairs=len(names), names=names.__getitem__, place=_in_the_armoury, epoch_ms=now_ms,
            commissioned=False, paired=False,
        )  # fmt: skip
        kept = keeping.load(folder)
        for pair in world.pairs:
            await keeping.restore(pair, kept, world.time.now_ms())
        adapter = await power_on(world.link, "station", at=(0.0, -1.0))
        store = Store.open(folder / "station")
        own = store.identity()
        service = Service(plan.service, own.token if own else "", transport=transport)
        radio = Radio(*backends(adapter))
        clock = lambda: world.time.now_ms() / 1000  # noqa: E731
        station = Station(store, service, radio, clock, lambda _: None, wait_s=WAIT_S)
        return cls(folder, plan, world, station)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work())
            group.create_task(self._obey())
            group.create_task(self._keep())

    async def _work(self) -> None:
        """The station, for ever: enrolled when it is not, tried again when it cannot go on."""
        while True:
            try:
                if self._station.store.identity() is None:
                    await self._enrol()
                await self._station.run()
            except NotEnrolled as error:
                self._error = error.what
                await self._enrol_anew()
            except StationError as error:
                self._error = error.what
            await asyncio.sleep(AGAIN_S)

    async def _enrol_anew(self) -> None:
        try:
            await self._enrol()
        except (ServiceAway, ServiceRefused) as error:
            self._error = error.what

    async def _enrol(self) -> None:
        plan = orders.plan(self._folder) or self._plan
        station = self._station
        await enrolment.enrol(station.store, station.service, plan.service, plan.code, now=station.clock())
        self._error = ""

    async def _obey(self) -> None:
        while True:
            for order in orders.take(self._folder):
                if 0 <= order.pair < len(self._world.pairs):
                    await self._carry_out(order)
            orders.say(self._folder, self.state())
            await asyncio.sleep(LOOK_S)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            if (writes := keeping.writes(self._world.pairs)) != self._saved:
                self._saved = writes
                keeping.save(self._folder, self._world.pairs, self._spares.values())

    # Orders

    async def _carry_out(self, order: Order) -> None:
        pair = self._world.pairs[order.pair]
        await _ACTS[order.act](self, pair)

    async def fire(self, pair: Pair) -> None:
        """Arm it if need be, and pull the trigger."""
        self._note(pair, self._world.fire(pair.number))

    async def test(self, pair: Pair) -> None:
        """The function test."""
        self._note(pair, self._world.test(pair.number))

    async def make_safe(self, pair: Pair) -> None:
        """The lever down."""
        self._note(pair, pair.taser.act(Handle.MAKE_SAFE))

    async def swap(self, pair: Pair) -> None:
        """Another battery into the Taser: a new one, or the one that was in it before."""
        old = self._spares.pop(pair.number, None)
        if old is None:
            self._spares[pair.number] = await self._world.swap_battery(pair.number)
        else:
            await pair.taser.swap_battery(old)
        self._say(f"{pair.taser.taser.serial} has the battery {pair.taser.sppm.serial} now")

    async def walk_off(self, pair: Pair) -> None:
        """The camera's wearer goes out of range."""
        self._away.add(pair.number)
        self._world.walk_out_of_range(pair.number)

    async def walk_back(self, pair: Pair) -> None:
        """And comes back."""
        self._away.discard(pair.number)
        self._world.walk_back(pair.number)

    async def show(self, pair: Pair) -> None:
        """Both devices into pairing mode, for sixty seconds."""
        await pair.taser.pairing_mode()
        await pair.camera.pairing_mode()

    def _note(self, pair: Pair, fired: list[Fired]) -> None:
        now = asyncio.get_running_loop().time()
        for one in fired:
            self._fired_s[pair.taser.sppm.serial, one.event.counter] = now
        kinds = " and ".join(one.event.kind.name.lower() for one in fired) or "nothing: it has no power, or is safe"
        self._say(f"{pair.taser.taser.serial}: {kinds}")

    def _listener(self, pair: Pair) -> Callable[[Heard], None]:
        def heard(one: Heard) -> None:
            sighting = one.decision.sighting
            if sighting is None:
                return
            peers = {held.id: held.peer_serial for held in pair.camera.camera.memory.identity.pairings}
            began = self._fired_s.get((peers.get(sighting.pairing, ""), sighting.counter))
            latency = None if began is None else round((one.at - began) * 1000, 1)
            self._last[pair.number] = {"kind": sighting.kind.name.lower(), "latency_ms": latency}
            after = "" if latency is None else f" after {latency} ms"
            self._say(f"{pair.camera.camera.serial} heard {sighting.kind.name.lower()}{after}")

        return heard

    # The station's screen, and the hands that do what it says

    def _show(self, shown: Shown) -> None:
        self._error = ""
        self._say(f"Station: {shown.step.value} {shown.state.value}. {shown.detail}".strip())
        if shown.state is not StepState.BEGUN:
            return
        if shown.step is Step.FIND:
            self._soon(0.0, lambda: self._press(shown.facts))
        elif shown.step is Step.TEST:
            self._soon(ARC_AFTER_S, self._arc)

    async def _press(self, named: Mapping[str, Any]) -> None:
        serials = set(named.values())
        for pair in self._world.pairs:
            if pair.taser.sppm.serial in serials:
                await pair.taser.pairing_mode()
            if pair.camera.camera.serial in serials:
                await pair.camera.pairing_mode()

    async def _arc(self) -> None:
        """For a test that nobody has done meanwhile: the Tasers that are connected to the station."""
        for pair in self._world.pairs:
            if self._world.link.wires.between("station", pair.taser.name):
                await self.test(pair)

    def _soon(self, after_s: float, act: Callable[[], Awaitable[None]]) -> None:
        async def later() -> None:
            await asyncio.sleep(after_s)
            await act()

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _say(self, text: str) -> None:
        self._news.add(self._station.clock(), text)

    # What is going on

    def state(self) -> dict[str, Any]:
        """For the simulator's page."""
        own = self._station.store.identity()
        return {
            "at": instant(self._station.clock()),
            "station": own.station if own else None,
            "error": self._error,
            "pairs": [self._pair(pair) for pair in self._world.pairs],
            "news": list(self._news.items),
        }

    def _pair(self, pair: Pair) -> dict[str, Any]:
        now_ms, taser, camera = self._world.time.now_ms(), pair.taser.taser, pair.camera.camera
        return {
            "number": pair.number,
            "taser": taser.serial,
            "sppm": pair.taser.sppm.serial,
            "safety": taser.safety.value,
            "taser_battery": pair.taser.sppm.battery.shown(now_ms),
            "camera": camera.serial,
            "mode": camera.mode.value,
            "camera_battery": camera.battery.shown(now_ms),
            "docked": camera.docked,
            "away": pair.number in self._away,
            "swapped": pair.number in self._spares,
            "paired": _are_paired(pair),
            "recordings": len(list(camera.recordings.all())),
            "last": self._last.get(pair.number),
        }


def _in_the_armoury(number: int) -> tuple[float, float]:
    """Side by side at the counter, all within reach of the station's adapter."""
    return number * _ABREAST_M, 0.0


def _are_paired(pair: Pair) -> bool:
    theirs = {one.id for one in pair.camera.camera.memory.identity.pairings}
    return any(one.standing is Standing.AGREED and one.id in theirs for one in pair.taser.sppm.memory.pairings)


async def _dock(_: Demonstration, pair: Pair) -> None:
    pair.camera.dock()


async def _undock(_: Demonstration, pair: Pair) -> None:
    pair.camera.undock()
    await pair.camera.switch_on()


async def _off(_: Demonstration, pair: Pair) -> None:
    pair.camera.switch_off()


async def _on(_: Demonstration, pair: Pair) -> None:
    await pair.camera.switch_on()


async def _stop(_: Demonstration, pair: Pair) -> None:
    pair.camera.press_stop()


async def _cancel(_: Demonstration, pair: Pair) -> None:
    pair.camera.cancel()


_ACTS: Final[Mapping[Act, Callable[[Demonstration, Pair], Awaitable[None]]]] = {
    Act.FIRE: Demonstration.fire,
    Act.TEST: Demonstration.test,
    Act.SAFE: Demonstration.make_safe,
    Act.PAIRING_MODE: Demonstration.show,
    Act.CAMERA_OFF: _off,
    Act.CAMERA_ON: _on,
    Act.STOP: _stop,
    Act.CANCEL: _cancel,
    Act.WALK_OFF: Demonstration.walk_off,
    Act.WALK_BACK: Demonstration.walk_back,
    Act.DOCK: _dock,
    Act.UNDOCK: _undock,
    Act.SWAP: Demonstration.swap,
}
