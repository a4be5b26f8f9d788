"""What happens at a station, step by step: kept to be sent to the service, and shown to whoever looks on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ble.station.contact import Clock
from ble.station.courier import Courier
from ble.station.store import Report, Store
from ble.station.wording import instant

Fact = str | int | float | bool | None
# What the service takes of one job.
MOST_STEPS: Final = 200
_DETAIL: Final = 500


class Step(StrEnum):
    """What a station does, in the order in which an armourer sees it."""

    FIND = "find devices"
    IDENTIFY = "identify"
    COMMISSION = "commission"
    PERMIT = "permit"
    PART = "forget old pairings"
    AGREE = "agree keys"
    RECEIPTS = "receipts"
    TEST = "function test"
    LOG = "read log"
    CLOCK = "set clock"
    FORGET = "forget pairing"


class StepState(StrEnum):
    """How far a step is."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Shown:
    """One thing that happened."""

    step: Step
    state: StepState
    at: float
    detail: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


Show = Callable[[Shown], None]


def path_of(job: str, what: str) -> str:
    """Where the service takes what is said of a job."""
    return f"/stations/jobs/{job}/{what}"


class Progress:
    """The steps of one piece of work. Work without a job of the service's (``job`` empty) is shown and not sent."""

    def __init__(self, store: Store, courier: Courier, clock: Clock, show: Show, job: str = "") -> None:
        self._store = store
        self._courier = courier
        self._clock = clock
        self._show = show
        self._job = job
        self.current: Step | None = None

    def begun(self, step: Step, detail: str = "", **facts: Fact) -> None:
        """A step begins; what fails from now on fails in it."""
        self.current = step
        self._note(step, StepState.BEGUN, detail, facts)

    def done(self, step: Step, detail: str = "", **facts: Fact) -> None:
        """A step is done."""
        self.current = None
        self._note(step, StepState.DONE, detail, facts)

    def failed(self, detail: str) -> None:
        """The step under way failed, if one is."""
        if self.current is not None:
            step, self.current = self.current, None
            self._note(step, StepState.FAILED, detail, {})

    def _note(self, step: Step, state: StepState, detail: str, facts: Mapping[str, Fact]) -> None:
        shown = Shown(step, state, self._clock(), detail[:_DETAIL], facts)
        if self._job:
            self._store.step(self._job, lambda number: self._report(number, shown))
            self._courier.wake()
        self._show(shown)

    def _report(self, number: int, shown: Shown) -> Report:
        body: dict[str, Any] = {
            # Beyond what the service takes, the last one is said anew: how it stands matters more than each turn.
            "number": min(number, MOST_STEPS),
            "step": shown.step.value,
            "state": shown.state.value,
            "at": instant(shown.at),
            "facts": dict(shown.facts),
        }
        if shown.detail:
            body["detail"] = shown.detail
        return Report(f"job-{self._job}-step-{number}", path_of(self._job, "steps"), body)
