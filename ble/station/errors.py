"""What goes wrong at a station, in words that say what to do, each with the exit code of a verb that ends so."""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of the verbs. 2 is click's own, for a command line that it does not understand."""

    DONE = 0
    FAILED = 1
    REFUSED = 3
    SERVICE = 4
    ADAPTER = 5
    DEVICE = 6
    BUSY = 7


class StationError(Exception):
    """Something did not work. ``what`` happened, and ``mend`` is what a person can do about it."""

    exit_code: ClassVar[Exit] = Exit.FAILED

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


class StoreDamaged(StationError):
    """The folder's file is no store of this version."""


class StoreBusy(StationError):
    """Another station or verb uses the folder."""

    exit_code = Exit.BUSY


class NotEnrolled(StationError):
    """The folder holds no enrolment, or the service no longer knows it."""

    exit_code = Exit.SERVICE


class ServiceAway(StationError):
    """The service does not answer, or not sensibly. Worth trying again; ``after_s`` is when it asked to be."""

    exit_code = Exit.SERVICE

    def __init__(self, what: str, mend: str = "", *, after_s: float | None = None) -> None:
        super().__init__(what, mend)
        self.after_s = after_s


class ServiceRefused(StationError):
    """The service answered no. Asking again changes nothing. ``rule`` is the number of the rule, if one refused."""

    exit_code = Exit.REFUSED

    def __init__(self, what: str, mend: str = "", *, status: int, rule: int | None = None) -> None:
        super().__init__(what, mend)
        self.status = status
        self.rule = rule


class AdapterGone(StationError):
    """This machine has no Bluetooth adapter that works."""

    exit_code = Exit.ADAPTER


class DeviceLost(StationError):
    """A device was not found, or its link broke."""

    exit_code = Exit.DEVICE


class LinkUnprotected(StationError):
    """The link is not encrypted and bonded although the operating system was asked for both."""

    exit_code = Exit.DEVICE


class DeviceRefused(StationError):
    """A device said no, or what it said proves nothing. ``reason`` is its own word for it."""

    exit_code = Exit.REFUSED

    def __init__(self, what: str, mend: str = "", *, reason: str = "") -> None:
        super().__init__(what, mend)
        self.reason = reason


class NotShown(StationError):
    """The armourer did not do in time what the step waits for."""

    exit_code = Exit.DEVICE
