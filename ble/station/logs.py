"""A Taser's log, read by whoever has it in hand: signed entries, on the disk before the next are asked for."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from ble.protocol import cbor, evidence
from ble.protocol.evidence import BrokenChain
from ble.protocol.messages import Done, Entries, LogRequest, SetClock
from ble.protocol.statements import BEGINNING, EvidenceError, Head, LogEntry
from ble.station.contact import refused
from ble.station.errors import DeviceRefused
from ble.station.progress import Step
from ble.station.store import Report
from ble.station.testing import activation, told
from ble.station.wording import text_of
from ble.station.work import Met, Work, met_taser

# Entries asked for at once; a device answers with as many as fit its messages.
MOST: Final = 256
# A clock that is off by more is set once the log is read, which tells the offset of all that is in it. [ours]
CLOCK_S: Final = 1.0
# Activations told at once.
PART: Final = 100
_HEAD: Final = "log head"


async def read_log(work: Work) -> str:
    """Read what is new in a Taser's log, and set its clock; answers what to say at the end.

    Raises:
        StationError: it could not be done. What was read is kept.
    """
    async with AsyncExitStack() as stack:
        taser = await met_taser(work, stack)
        count = await _read(work, taser)
        await set_clock(work, taser)
    return f"{count} new entries read."


async def _read(work: Work, taser: Met) -> int:
    work.progress.begun(Step.LOG, taser.serial)
    head, count = _kept(work, taser.serial), 0
    start = head.sequence
    while True:
        answer = await taser.contact.ask(LogRequest(start, MOST))
        if not isinstance(answer, Entries):
            raise refused(answer)
        if answer.entries:
            head = _keep(work, taser, answer.entries, head)
            count += len(answer.entries)
        if answer.next <= start:
            break
        start = answer.next
    facts = {"log_entries": head.sequence, "counter": taser.identified.report.vitals.counter}
    work.progress.done(
        Step.LOG, f"{count} new entries", **{name: value for name, value in facts.items() if value is not None}
    )
    return count


def _keep(work: Work, taser: Met, entries: Sequence[bytes], head: Head) -> Head:
    read, after = _verified(taser, entries, head)
    offset_s = taser.contact.offset_s or 0.0
    items: list[dict[str, Any]] = [
        activation(taser.serial, entry, at=entry.clock - offset_s)
        | {"source": "taser-log", "evidence": text_of(signed)}
        for entry, signed in zip(read, entries, strict=True)
    ]
    name = f"log-{taser.serial}-{after.sequence - len(read)}-{after.sequence}-{after.digest[:8].hex()}"
    facts = {_HEAD: cbor.encode([after.sequence, after.digest])}
    work.store.put(*_in_parts(name, items), facts=facts, job=_of(taser.serial))
    work.courier.wake()
    return after


def _in_parts(name: str, items: list[dict[str, Any]]) -> list[Report]:
    return [told(f"{name}-{at}", items[at : at + PART]) for at in range(0, len(items), PART)]


def _verified(taser: Met, entries: Sequence[bytes], head: Head) -> tuple[list[LogEntry], Head]:
    key = taser.identified.credential.signing
    try:
        return evidence.read_log(entries, key, head)
    except BrokenChain:
        # Older entries were dropped unread, or the memory was set back: the service, which keeps the heads, can tell.
        return _from_anywhere(taser, entries)
    except EvidenceError as error:
        raise _unsound(taser, error) from error


def _from_anywhere(taser: Met, entries: Sequence[bytes]) -> tuple[list[LogEntry], Head]:
    try:
        return evidence.read_log(entries, taser.identified.credential.signing, None)
    except EvidenceError as error:
        raise _unsound(taser, error) from error


def _unsound(taser: Met, error: EvidenceError) -> DeviceRefused:
    what = f"The log of {taser.serial} does not hold: {error}."
    return DeviceRefused(what, "Quarantine the Taser: its memory is damaged, or was tampered with.")


def _kept(work: Work, sppm: str) -> Head:
    kept = work.store.fact(_of(sppm), _HEAD)
    if kept is None:
        return BEGINNING
    match cbor.decode(kept):
        case [int(sequence), bytes(digest)]:
            return Head(sequence, digest)
    return BEGINNING


def _of(sppm: str) -> str:
    """Under what a magazine's log is kept in the journal, which is no job's number."""
    return f"log of {sppm}"


async def set_clock(work: Work, met: Met) -> None:
    """Set a device's clock if it is off or was lost.

    Raises:
        DeviceRefused: it would not.
        DeviceLost: it went away.
    """
    offset_s = met.contact.offset_s
    if offset_s is not None and abs(offset_s) <= CLOCK_S:
        return
    work.progress.begun(Step.CLOCK, met.serial, clock_offset_s=offset_s)
    answer = await met.contact.ask(SetClock(round(work.clock() * 1000)))
    if not isinstance(answer, Done):
        raise refused(answer)
    work.progress.done(Step.CLOCK, met.serial)
