"""What stands in the way of a pairing: a pure decision on what the devices report (rules 1, 2 and 13)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from fleet.cameras.states import Bluetooth, Encryption
from fleet.custody.readiness import Block
from fleet.settings import Policy
from fleet.tasers.models import TaserModel


@dataclass(frozen=True)
class Clock:
    """A device's clock: ``offset_s`` is its own minus ours, in seconds. None is what it never said."""

    is_set: bool | None = None
    offset_s: float | None = None


@dataclass(frozen=True)
class TaserSaid:
    """What a Taser is, and what it reports itself; a level that was typed or imported is None here."""

    serial: str
    model: TaserModel
    sppm: str | None
    bluetooth: Bluetooth | None
    clock: Clock = Clock()


@dataclass(frozen=True)
class CameraSaid:
    """What a camera reports itself."""

    serial: str
    encryption: Encryption | None
    bluetooth: Bluetooth | None
    clock: Clock = Clock()


@dataclass(frozen=True)
class Baseline:
    """What the force demands of both."""

    switch_on: bool
    encryption: Encryption
    bluetooth: Bluetooth
    tolerance: timedelta


def baseline_of(policy: Policy, *, switch_on: bool) -> Baseline:
    """The force's demands by its settings and its switch."""
    levels = Encryption(policy.pairing_encryption), Bluetooth(policy.pairing_bluetooth)
    return Baseline(switch_on, *levels, policy.clock_tolerance)


def blocks(taser: TaserSaid, camera: CameraSaid, baseline: Baseline) -> list[Block]:
    """Everything in the way, what no report can mend first; empty when they may be paired."""
    return [
        *_kind_blocks(taser),
        *_switch_blocks(baseline),
        *level_blocks(camera.serial, "encryption", camera.encryption, baseline.encryption),
        *level_blocks(camera.serial, "bluetooth", camera.bluetooth, baseline.bluetooth),
        *level_blocks(taser.serial, "bluetooth", taser.bluetooth, baseline.bluetooth),
        *clock_blocks(camera.serial, camera.clock, baseline.tolerance),
        *clock_blocks(taser.serial, taser.clock, baseline.tolerance),
    ]


def _kind_blocks(taser: TaserSaid) -> Iterator[Block]:
    found = {"taser": taser.serial, "model": str(taser.model)}
    if taser.model is TaserModel.X26:
        yield Block(2, f"{taser.serial} is an X26, which cannot pair.", "nobody; use an X2", found)
    elif taser.sppm is None:
        yield Block(2, f"{taser.serial} has no SPPM fitted, and the SPPM carries the radio.", "armourer", found)


def _switch_blocks(baseline: Baseline) -> Iterator[Block]:
    if not baseline.switch_on:
        yield Block(1, "The force has not switched pairing on.", "it", {"switch": "off"})


def level_blocks(serial: str, what: str, reported: StrEnum | None, needed: StrEnum) -> Iterator[Block]:
    """A level below what is needed, or one that the device never reported itself (rule 1)."""
    name = "Bluetooth" if what == "bluetooth" else what
    found = {"device": serial, what: None if reported is None else str(reported), "needed": str(needed)}
    if reported is None:
        said = f"{serial} has not reported its {name} level itself. What was typed or imported does not count."
        yield Block(1, said, "armourer, by commissioning it", found)
    elif not reaches(reported, needed):
        yield Block(1, f"{serial} reports {name} {reported}; the force needs {needed}.", "it", found)


def reaches(level: StrEnum, needed: StrEnum) -> bool:
    """Whether a level is the needed one or a stronger one; levels are listed weakest first."""
    order = list(type(needed))
    return order.index(type(needed)(level)) >= order.index(needed)


def clock_blocks(serial: str, clock: Clock, tolerance: timedelta) -> Iterator[Block]:
    """A clock that is not set, or off by more than the tolerance (rule 13)."""
    if clock.is_set is False:
        yield Block(13, f"The clock of {serial} is not set.", "armourer", {"device": serial, "clock_set": False})
    elif clock.offset_s is not None and abs(clock.offset_s) > tolerance.total_seconds():
        found = {"device": serial, "clock_offset_s": clock.offset_s, "tolerance_s": tolerance.total_seconds()}
        what = f"The clock of {serial} is off by {clock.offset_s:g} s; {tolerance.total_seconds():g} s is tolerated."
        yield Block(13, what, "armourer", found)
