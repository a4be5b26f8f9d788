"""What stands in the way of giving an officer this camera for this work: a pure decision (rules 4, 6, 15)."""

from collections.abc import Iterator
from datetime import date, datetime

from fleet.cameras.states import Model
from fleet.clock import local_day
from fleet.custody.models import Purpose
from fleet.custody.readiness import Block
from fleet.custody.records import CameraNow, Officer


def officer_blocks(
    officer: Officer, camera: CameraNow, purpose: Purpose | None, *, is_excepted: bool, now: datetime
) -> Iterator[Block]:
    """Everything about the officer that is in the way. ``is_excepted`` tells of an exception to rule 6."""
    yield from _leaving_blocks(officer, local_day(now))
    yield from _training_blocks(officer, now.date())
    if purpose is Purpose.PUBLIC_ORDER and camera.model is not Model.FLEX_2 and not is_excepted:
        what = f"{camera.serial} is a Body 2. Helmet-mounted public-order work gets a Flex 2."
        found = {"model": str(camera.model), "purpose": str(purpose)}
        yield Block(6, what, "supervisor, by an exception for the officer", found, can_override=True)


def _leaving_blocks(officer: Officer, today: date) -> Iterator[Block]:
    if officer.leaves_on is not None and officer.leaves_on < today:
        what = f"{officer.collar} left on {officer.leaves_on:%d %B %Y}; there is no issue to a leaver."
        found = {"leaves_on": officer.leaves_on.isoformat()}
        yield Block(15, what, "store, by withdrawing the leaver’s entry where it is wrong", found)


def _training_blocks(officer: Officer, today: date) -> Iterator[Block]:
    if officer.is_trained(today):
        return
    until = officer.trained_until
    detail = f"ended on {until:%d %B %Y}" if until else "is not on record"
    found = {"trained_until": until.isoformat() if until else None}
    yield Block(4, f"The training of {officer.collar} {detail}.", "supervisor", found, can_override=True)
