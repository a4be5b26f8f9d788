"""The guest's people and things: a pair of devices, the force's service, and jobs for the station."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ble.devices.world import Pair, World
from ble.station.service import JobKind
from tests.ble.station.force import Force

Say = Callable[[str], None]

# For each thing that is waited for: longer than the station looks for devices, so that its own words come first.
PATIENCE_S = 90.0
LOOK_S = 0.05


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(LOOK_S)


@dataclass
class Scene:
    """What each check has at hand; ``say`` shows a step."""

    world: World
    force: Force
    say: Say

    @property
    def pair(self) -> Pair:
        return self.world.pairs[0]

    async def show(self) -> None:
        """Both devices into pairing mode, by hand."""
        await self.pair.taser.pairing_mode()
        await self.pair.camera.pairing_mode()

    async def job(self, kind: JobKind) -> None:
        """Have the station do a job about the two devices, and see it end well.

        Raises:
            AssertionError: it did not end well.
            TimeoutError: it did not end.
        """
        pair = self.pair
        about = {"taser": pair.taser.taser.serial, "sppm": pair.taser.sppm.serial, "camera": pair.camera.camera.serial}
        number = self.force.job(kind, **about)
        with self._followed(number):
            await until(lambda: number in self.force.ends)
        end = self.force.ends[number]
        assert end["outcome"] == "done", end

    def facts(self, step: str) -> list[dict[str, Any]]:
        """What the station told of this step, each time that it was done."""
        steps = self.force.steps.values()
        return [one["facts"] for one in steps if (one["step"], one["state"]) == (step, "done")]

    @contextmanager
    def _followed(self, number: str) -> Iterator[None]:
        """Show the job's steps as they come; arm and arc when the station asks for it."""
        following = asyncio.get_running_loop().create_task(self._follow(number))
        try:
            yield
        finally:
            following.cancel()

    async def _follow(self, number: str) -> None:
        shown = 0
        while True:
            story = self.force.story(number)
            for step, state in story[shown:]:
                self.say(f"    {step}: {state}")
                if (step, state) == ("function test", "begun"):
                    self.world.test(self.pair.number)
            shown = len(story)
            await asyncio.sleep(LOOK_S)
