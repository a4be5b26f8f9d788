"""The memories of the demonstration's devices, kept over a restart of the machine that simulates them."""

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ble.devices.flash import Flash
from ble.devices.sppm import Sppm
from ble.devices.world import Pair
from ble.protocol.memory import Memory

FILE: Final = "devices.bin"
_OWNER_ONLY: Final = 0o600


def save(folder: Path, pairs: list[Pair], spares: Iterable[Sppm]) -> None:
    """Write the memory of every device, and of batteries that were taken out, whole or not at all."""
    kept = {name: _plain(flash) for pair in pairs for name, flash in _flashes(pair).items()}
    kept |= {spare.serial: _plain(spare.flash) for spare in spares}
    fresh = folder / f"{FILE}.new"
    fresh.touch(_OWNER_ONLY)
    fresh.write_bytes(pickle.dumps(kept))
    fresh.replace(folder / FILE)


def load(folder: Path) -> dict[str, Flash]:
    """Every device's memory by its serial; none before the first ``save``."""
    path = folder / FILE
    if not path.exists():
        return {}
    # Our own file, in a folder that is this account's alone.
    found = pickle.loads(path.read_bytes())  # noqa: S301
    return {name: _flash(cells, logs) for name, (cells, logs) in found.items()}


def writes(pairs: list[Pair]) -> int:
    """How often their memories were written, to tell whether there is anything to save."""
    return sum(flash.writes for pair in pairs for flash in _flashes(pair).values())


async def restore(pair: Pair, kept: dict[str, Flash], now_ms: int) -> None:
    """Start a pair's devices from what was kept of them."""
    taser, camera = pair.taser, pair.camera
    if (old := kept.get(taser.sppm.serial)) is not None:
        taser.sppm.flash.restore(old)
        await taser.restart()
        taser.taser.clock.set(now_ms, now_ms)
    if (old := kept.get(camera.camera.serial)) is not None:
        # It was never on in earnest; a recording that the old process left running ends where it began.
        camera.switch_off()
        camera.camera.memory.flash.restore(old)
        await camera.switch_on()


def _flashes(pair: Pair) -> dict[str, Flash]:
    found = {pair.camera.camera.serial: pair.camera.camera.memory.flash}
    if pair.taser.taser.sppm is not None:
        found[pair.taser.sppm.serial] = pair.taser.sppm.flash
    return found


def _plain(flash: Flash) -> tuple[dict[str, Any], dict[str, Any]]:
    # Keys carry what libraries have computed of them, which cannot be written.
    cells, logs = flash.contents()
    return {name: value.encode() if isinstance(value, Memory) else value for name, value in cells.items()}, logs


def _flash(cells: dict[str, Any], logs: dict[str, Any]) -> Flash:
    read = {name: Memory.decode(value) if name == "memory" else value for name, value in cells.items()}
    return Flash.holding(read, logs)
