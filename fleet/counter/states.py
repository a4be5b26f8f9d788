"""What the counter's page remembers between scans, and what it is answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Tone(StrEnum):
    """How an answer looks and sounds: done, look here, or just so you know."""

    GOOD = "good"
    CAUTION = "caution"
    INFO = "info"


class Mode(StrEnum):
    """What a camera's scan means until another command says otherwise."""

    NORMAL = "normal"
    RETURN = "return"
    FAULTY = "faulty"
    PERSONAL = "personal"
    POOL = "pool"
    HELMET = "helmet"


class Command(StrEnum):
    """Words on command barcodes that are not modes."""

    UNDO = "undo"
    DONE = "done"
    MISSING = "missing"
    PIN = "pin"
    SIGN = "sign"
    ATTEST = "attest"


class Act(StrEnum):
    ISSUE = "issue"
    RETURN = "return"
    TAKE_OVER = "take-over"


@dataclass(frozen=True)
class LastAct:
    """What *undo* reverses. ``returned`` is the allocation that a take-over ended."""

    act: Act
    allocation: int
    returned: int | None = None


@dataclass(frozen=True)
class State:
    """What the page remembers between scans.

    ``officer`` is whose visit it is, ``visit`` its key, ``issued`` the serials issued in it. ``take_over`` is the
    camera whose next scan takes it over from its holder. ``dock`` is where returned cameras are put. ``operation`` is
    what cameras are issued for until the mode is normal again. ``kit`` is the kit whose parts are checked off.
    """

    officer: str | None = None
    visit: str | None = None
    mode: Mode = Mode.NORMAL
    dock: str | None = None
    issued: tuple[str, ...] = ()
    operation: str | None = None
    kit: str | None = None
    take_over: str | None = None
    last_act: LastAct | None = None


@dataclass(frozen=True)
class Answer:
    """What the page shows: a word or two in large letters, a sentence, and facts to show beside it.

    ``camera`` is the serial of the camera that it is about.
    """

    tone: Tone
    title: str
    detail: str
    state: State
    due_back: datetime | None = None
    kit: list[dict[str, Any]] | None = None
    camera: str | None = None
