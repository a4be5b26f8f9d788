"""What the log says of the acts of custody: the same of one camera and of many."""

from collections.abc import Mapping
from typing import Any

from fleet.audit import Entry, Event, Subject
from fleet.cameras.states import Custody
from fleet.custody.models import Condition
from fleet.custody.records import AllocationNow


def issue_entry(event: Event, allocation: AllocationNow, more: Mapping[str, Any] | None = None) -> Entry:
    """What the log says of a camera that was handed over; ``more`` is what only some issues have."""
    facts = {"kind": allocation.kind, "due_back": allocation.due_back, **(more or {}), "allocation": allocation.id}
    return Entry(event, (Subject.CAMERA, allocation.camera.serial), allocation.person.collar, facts)


def return_entry(allocation: AllocationNow, condition: Condition, note: str | None, to: Custody) -> Entry:
    """What the log says of a camera that came back."""
    facts = {"condition": condition, "note": note, "custody": to, "allocation": allocation.id}
    subject = (Subject.CAMERA, allocation.camera.serial)
    return Entry(Event.CAMERA_RETURNED, subject, allocation.person.collar, facts)


def move_entry(serial: str, was: Custody, to: Custody, note: str | None) -> Entry:
    """What the log says of a camera that was moved by hand."""
    return Entry(Event.CAMERA_MOVED, (Subject.CAMERA, serial), facts={"custody": [was, to], "note": note})
