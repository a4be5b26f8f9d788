"""Whether an activation was filmed, as far as anybody has said: a pure decision (rule 14)."""

from collections.abc import Collection
from dataclasses import dataclass

from fleet.capture.models import ActivationKind, Outcome


@dataclass(frozen=True)
class Seen:
    """What a camera's account says, whose signature holds: whether it recorded, and whether the wearer cancelled."""

    recorded: bool
    cancelled: bool


@dataclass(frozen=True)
class Paired:
    """How the Taser's pairings stood: how many were active, and how many suspended."""

    active: int
    suspended: int


def outcome(accounts: Collection[Seen], paired: Paired) -> Outcome:
    """What is known now. A camera that recorded counts more than any reason, and any reason more than none.

    A paired camera that has said nothing may have it on its memory, and says so when it is offloaded.
    """
    if any(seen.cancelled for seen in accounts):
        return Outcome.CANCELLED
    if any(seen.recorded for seen in accounts):
        return Outcome.CAPTURED
    if accounts:
        # It heard and did not record. Why, its offload tells.
        return Outcome.UNKNOWN
    if paired.active:
        return Outcome.NOT_OFFLOADED
    return Outcome.SUSPENDED if paired.suspended else Outcome.NOT_PAIRED


# What is used on somebody, as against made ready, made safe or tried out.
USED = frozenset({ActivationKind.TRIGGER, ActivationKind.ARC})
