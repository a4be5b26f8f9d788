"""What a stocktake and a kit's parts can be, and how a scan is judged: pure, and tested as truth tables."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fleet.cameras.states import Custody


class StocktakeState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    ABANDONED = "abandoned"


NEXT_STATE: dict[StocktakeState, frozenset[StocktakeState]] = {
    StocktakeState.OPEN: frozenset({StocktakeState.CLOSED, StocktakeState.ABANDONED}),
    StocktakeState.CLOSED: frozenset(),
    StocktakeState.ABANDONED: frozenset(),
}


class Judgment(StrEnum):
    """What a stocktake makes of a scan.

    ``returned`` belongs here and came back while the stocktake was open; ``unexpected`` is here though the register
    does not have it here; ``misplaced`` belongs to another site or dock; ``unknown`` is not in the register.
    """

    EXPECTED = "expected"
    RETURNED = "returned"
    UNEXPECTED = "unexpected"
    MISPLACED = "misplaced"
    UNKNOWN = "unknown"


class Settlement(StrEnum):
    """How a missing camera was settled. ``explained`` is found out from custody, never said by somebody."""

    FOUND = "found"
    UNABLE_TO_LOCATE = "unable-to-locate"
    EXPLAINED = "explained"


class PartKind(StrEnum):
    MOUNT = "mount"
    CABLE = "cable"
    CONTROLLER = "controller"
    OTHER = "other"


class PartState(StrEnum):
    """Where a kit's part is. It has no life cycle of a camera's."""

    IN_KIT = "in-kit"
    WITH_OFFICER = "with-officer"
    MISSING = "missing"


NEXT_PART: dict[PartState, frozenset[PartState]] = {
    PartState.IN_KIT: frozenset({PartState.WITH_OFFICER, PartState.MISSING}),
    PartState.WITH_OFFICER: frozenset({PartState.IN_KIT, PartState.MISSING}),
    PartState.MISSING: frozenset({PartState.IN_KIT}),
}


# Custodies in which a camera lies at its home, so that a stocktake there should find it, and why it need not elsewhere.
_AWAY: dict[Custody, str] = {
    Custody.ISSUED: "issued",
    Custody.REPAIR: "at repair",
    Custody.MISSING: "recorded as missing",
    Custody.LOST: "recorded as lost",
    Custody.STOLEN: "recorded as stolen",
    Custody.DISPOSED: "disposed of",
}
ON_THE_SHELF = frozenset(Custody) - _AWAY.keys()


@dataclass(frozen=True)
class Scope:
    """Where a stocktake is made: a dock, a site, or neither (then nothing there can be misplaced)."""

    site_id: int | None
    dock_id: int | None
    opened_at: datetime


@dataclass(frozen=True)
class Scanned:
    """What the register says of a scanned camera: its home, its custody, since when."""

    is_expected: bool
    site_id: int | None
    dock_id: int | None
    custody: Custody
    since: datetime


def judge(camera: Scanned | None, scope: Scope) -> Judgment:
    """What a scan is in a stocktake of ``scope``; None is a scan that the register does not know."""
    if camera is None:
        return Judgment.UNKNOWN
    if camera.is_expected:
        return Judgment.EXPECTED
    if _differ(camera.dock_id, scope.dock_id) or _differ(camera.site_id, scope.site_id):
        return Judgment.MISPLACED
    if camera.custody in ON_THE_SHELF and camera.since >= scope.opened_at:
        return Judgment.RETURNED
    return Judgment.UNEXPECTED


def _differ(home: int | None, here: int | None) -> bool:
    return home is not None and here is not None and home != here


def explanation(custody: Custody, holder: str | None) -> str | None:
    """Why a camera that was expected need not be here after all; None where custody does not say."""
    why = _AWAY.get(custody)
    return f"{why} to {holder}" if why and holder else why


class BulkVerb(StrEnum):
    """What can be done with many cameras at once."""

    RETURN = "return"
    MOVE = "move"
    ISSUE = "issue"
    HOME_DOCK = "home-dock"
    USE = "use"
    DUE_BACK = "due-back"


class BulkOutcome(StrEnum):
    """What becomes of one camera of a bulk act. ``ready`` would be done; ``changed`` was skipped, having moved on."""

    READY = "ready"
    REFUSED = "refused"
    DONE = "done"
    CHANGED = "changed"
