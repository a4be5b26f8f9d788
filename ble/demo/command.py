"""``python -m ble demo``."""

import asyncio
import time
from pathlib import Path

import click

from ble.air import loop
from ble.demo import orders
from ble.demo.demonstration import Demonstration

_LOOK_S = 1.0


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where the plan lies.")
def demo(folder: Path) -> None:
    """Simulate the plan's Tasers and cameras, and run a station beside them, until stopped.

    The service's `make run` writes the plan; without one this waits.
    """
    while (plan := orders.plan(folder)) is None:
        time.sleep(_LOOK_S)

    async def main() -> None:
        demonstration = await Demonstration.build(folder, plan, now_ms=round(time.time() * 1000))
        await demonstration.run()

    try:
        loop.run(main(), pace=1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(130) from None
