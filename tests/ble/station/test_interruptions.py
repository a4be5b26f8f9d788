"""A pairing cut off anywhere: the station killed, a link lost, the adapter unplugged, the service gone.

Every point is one message to a device, one request to the service before and after it was answered, or one write to the
station's folder before and after it is on the disk; the points of a whole pairing are counted first, and then struck.
Whatever was struck, one more contact makes it whole: the job done, one pairing, held by both devices and the service.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ble.protocol.reports import Standing
from ble.station.radio import Link
from ble.station.service import JobKind
from ble.station.station import Station
from ble.station.store import Store
from tests.ble.station.armoury import Armoury, copy, in_armoury

# Each strike is a whole pairing and a bit. The station is killed at every point; what else there is strikes at every
# third, each from another one on.
STRIDE = 3


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Points:
    """Counts points, and strikes at one of them."""

    at: int = -1
    strike: Callable[[], None] = lambda: None
    passed: int = 0
    names: list[str] = field(default_factory=list)

    def come(self, name: str) -> None:
        self.names.append(name)
        self.passed += 1
        if self.passed == self.at:
            self.strike()


@contextmanager
def watched(armoury: Armoury, points: Points, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every point of the armoury's station comes by ``points`` while the block runs."""
    send, handle, puts = Link.send, armoury.force.handle, {name: getattr(Store, name) for name in ("put", "step")}

    async def sent(link: Link, message: bytes) -> None:
        points.come("to a device")
        await send(link, message)

    async def handled(request: httpx.Request) -> httpx.Response:
        points.come("asking the service")
        answer = await handle(request)
        points.come("answered by the service")
        return answer

    def written(name: str) -> Any:
        def put(store: Store, *args: Any, **kwargs: Any) -> Any:
            points.come("before a write")
            found = puts[name](store, *args, **kwargs)
            points.come("after a write")
            return found

        return put

    with patch.context() as patched:
        patched.setattr(Link, "send", sent)
        patched.setattr(armoury.station.service._client._transport, "handler", handled)
        for name in puts:
            patched.setattr(Store, name, written(name))
        yield


def require_whole(armoury: Armoury, number: str) -> None:
    """The job is done, and everybody holds the one pairing that was tested."""
    force, pair = armoury.force, armoury.pair
    assert force.ends[number]["outcome"] == "done", force.ends
    taser = pair.taser.side().memory.pairings
    camera = pair.camera.side().memory.pairings
    assert [(one.id, one.standing) for one in taser] == [(one.id, Standing.AGREED) for one in camera]
    assert len(taser) == 1
    assert taser[0].id in force.tested <= force.agreed
    assert armoury.station.store.refusals() == []
    assert armoury.station.store.waiting() == 0


async def until_ended(armoury: Armoury, number: str) -> None:
    """The armourer puts the devices into pairing mode again and arcs when asked, until the job has ended."""
    armoury.arc_when_asked()
    async with armoury.station.sending():
        # It takes a person a moment to see what has happened.
        await asyncio.sleep(2)
        await armoury.show()
        for _ in range(4):
            if number in armoury.force.ends:
                return
            await armoury.station.turn()
            await armoury.station.courier.deliver()


async def counted(armoury: Armoury, patch: pytest.MonkeyPatch) -> Points:
    """The points of a pairing that nothing strikes."""
    points = Points()
    number = armoury.force.job(JobKind.PAIR, **armoury.about())
    await armoury.show()
    armoury.arc_when_asked()
    with watched(armoury, points, patch):
        await armoury.station.turn()
        await armoury.station.courier.deliver()
    require_whole(armoury, number)
    return points


def count(folder: Path, patch: pytest.MonkeyPatch) -> Points:
    found: list[Points] = []

    async def story(armoury: Armoury) -> None:
        found.append(await counted(armoury, patch))

    in_armoury(folder, story)
    return found[0]


Story = Callable[[Armoury, Points, str], Awaitable[None]]


def strike_all(
    folder: Path, patch: pytest.MonkeyPatch, offset: int, story: Story, *, stride: int = STRIDE, sending: bool = True
) -> None:
    """Strike every ``stride``-th point, from ``offset`` on, each in an armoury of its own."""
    points = count(folder / "count", patch)
    struck = range(1 + offset, points.passed + 1, stride)
    for at in struck:

        async def one(armoury: Armoury, at: int = at) -> None:
            number = armoury.force.job(JobKind.PAIR, **armoury.about())
            await armoury.show()
            armoury.arc_when_asked()
            await story(armoury, Points(at), number)
            require_whole(armoury, number)

        in_armoury(folder / str(at), one, sending=sending)
    print(f"{len(struck)} of {points.passed} points struck")
    assert points.passed > 60


async def run_until(dead: asyncio.Event, station: Station) -> None:
    """Run a station until it is dead, whichever of its tasks that came over."""
    tasks = [asyncio.create_task(one) for one in (station.courier.run(), work_on(station))]
    await dead.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def work_on(station: Station) -> None:
    while True:
        await asyncio.sleep(await station.turn())


def test_a_station_killed_at_any_point_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = itertools.count()

    async def story(armoury: Armoury, points: Points, number: str) -> None:
        left, dead = tmp_path / f"left-{next(copies)}", asyncio.Event()

        def die() -> None:
            # What is on the disk now is what the next process finds, and nothing that runs on here reaches anybody.
            copy(armoury.folder, left)
            armoury.force.away = True
            armoury.unplug()
            dead.set()
            raise Killed

        points.strike = die
        with watched(armoury, points, monkeypatch):
            await run_until(dead, armoury.station)
        armoury.force.away = False
        await armoury.again(left)
        await until_ended(armoury, number)

    strike_all(tmp_path, monkeypatch, 0, story, stride=1, sending=False)


@pytest.mark.parametrize("what", ["taser-0", "camera-0", "adapter"])
def test_a_link_lost_at_any_point_costs_one_more_contact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async def story(armoury: Armoury, points: Points, number: str) -> None:
        points.strike = lambda: armoury.world.link.wires.cut(what) and None
        with watched(armoury, points, monkeypatch):
            await armoury.station.turn()
            await armoury.station.courier.deliver()
        await once_more(armoury, number)

    strike_all(tmp_path, monkeypatch, {"taser-0": 0, "camera-0": 1, "adapter": 2}[what], story)


async def once_more(armoury: Armoury, number: str) -> None:
    """A job that failed is asked for again by the armourer, under a number of its own."""
    if armoury.force.ends[number]["outcome"] != "done":
        again = armoury.force.job(JobKind.PAIR, **armoury.about())
        await until_ended(armoury, again)
        armoury.force.ends[number] = armoury.force.ends[again]


def test_an_adapter_unplugged_at_any_point_ends_the_job_with_words_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(armoury: Armoury, points: Points, number: str) -> None:
        points.strike = armoury.unplug
        with watched(armoury, points, monkeypatch):
            await armoury.station.turn()
            await armoury.station.courier.deliver()
        if armoury.force.ends[number]["outcome"] != "done":
            assert "adapter" in armoury.force.ends[number]["detail"]
        await armoury.plug_in()
        await once_more(armoury, number)

    strike_all(tmp_path, monkeypatch, 2, story)


def test_a_service_that_goes_away_at_any_point_gets_everything_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(armoury: Armoury, points: Points, number: str) -> None:
        loop = asyncio.get_running_loop()

        def leave() -> None:
            armoury.force.away = True
            loop.call_later(40, setattr, armoury.force, "away", False)

        points.strike = leave
        with watched(armoury, points, monkeypatch):
            task = asyncio.create_task(armoury.station.run())
            while number not in armoury.force.ends:
                await asyncio.sleep(1)
                if not armoury.pair.taser.side().memory.pairings:
                    await armoury.show()
            task.cancel()
        await once_more(armoury, number)

    strike_all(tmp_path, monkeypatch, 1, story)
