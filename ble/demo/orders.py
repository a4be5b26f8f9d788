"""Orders to the demonstration, and what it says of itself: files in a folder, each written whole and then renamed.

An order is ``{"act": …, "pair": …}``. What does not read as one is thrown away.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

PLAN: Final = "plan.json"
ORDERS: Final = "orders"
STATE: Final = "state.json"
_LONGEST: Final = 4_096


class Act(StrEnum):
    """What somebody at the simulator's page can do to a pair."""

    FIRE = "fire"
    TEST = "test"
    SAFE = "safe"
    PAIRING_MODE = "pairing-mode"
    CAMERA_OFF = "camera-off"
    CAMERA_ON = "camera-on"
    STOP = "stop"
    CANCEL = "cancel"
    WALK_OFF = "walk-off"
    WALK_BACK = "walk-back"
    DOCK = "dock"
    UNDOCK = "undock"
    SWAP = "swap"


@dataclass(frozen=True)
class Order:
    """One act on one pair, by its number."""

    act: Act
    pair: int


@dataclass(frozen=True)
class Plan:
    """What the demonstration is made of: the service's address, a fresh enrolment code, and the pairs' serials."""

    service: str
    code: str
    pairs: tuple[tuple[str, str, str], ...]


def plan(folder: Path) -> Plan | None:
    """What was planned; None while there is nothing to demonstrate."""
    found = _read(folder / PLAN)
    match found:
        case {"service": str(service), "code": str(code), "pairs": list(pairs)}:
            return Plan(
                service, code, tuple((str(one["taser"]), str(one["sppm"]), str(one["camera"])) for one in pairs)
            )
    return None


def take(folder: Path) -> Iterator[Order]:
    """The orders that have come, oldest first, each once."""
    for path in sorted((folder / ORDERS).glob("*.json")):
        found = _read(path)
        path.unlink(missing_ok=True)
        match found:
            case {"act": str(act), "pair": int(pair)} if act in set(Act):
                yield Order(Act(act), pair)


def say(folder: Path, state: dict[str, Any]) -> None:
    """Write what is going on."""
    fresh = folder / f"{STATE}.new"
    fresh.write_text(json.dumps(state), "utf-8")
    fresh.replace(folder / STATE)


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _LONGEST and path.name != PLAN:
            return None
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
