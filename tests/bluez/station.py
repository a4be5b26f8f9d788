"""The station as a person starts it: ``python -m ble station``, in a process of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ble.station import enrolment
from ble.station.service import Service
from ble.station.store import Store
from tests.ble.station.force import CODE, Force


async def enrol(force: Force, folder: Path, url: str) -> None:
    """Make this folder a station's of the service at ``url``."""
    store, service = Store.open(folder), Service(url, transport=force.transport)
    try:
        await enrolment.enrol(store, service, url, CODE, now=force.now_s())
    finally:
        await service.close()
        store.close()


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[None]:
    """The station runs while the block does; what it says goes into the guest's log.

    Raises:
        AssertionError: it ended by itself meanwhile.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ble", "station", "--folder", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = asyncio.create_task(_log(process))
    try:
        yield
        assert process.returncode is None, f"the station ended by itself with {process.returncode}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await said


async def _log(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        print("station:", line.decode().rstrip(), flush=True)
