"""True time in a simulated world: the running loop's, from a moment on that the world begins with."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorldTime:
    """``epoch_ms`` is when the loop's second 0 was, in milliseconds since 1970 UTC."""

    epoch_ms: int

    def now_ms(self) -> int:
        return self.epoch_ms + round(asyncio.get_running_loop().time() * 1000)

    def loop_time(self, at_ms: int) -> float:
        """The loop's time at a true instant."""
        return (at_ms - self.epoch_ms) / 1000
