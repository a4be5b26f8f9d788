"""The function test: the armourer arms and arcs, the camera starts from the beacon alone, and both sign for it."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from ble.protocol import statements
from ble.protocol.messages import Entries, TestRequest
from ble.protocol.statements import Account, EvidenceError, LogEntry
from ble.station.errors import DeviceRefused, NotShown
from ble.station.progress import Step, path_of
from ble.station.store import Report
from ble.station.wording import instant, text_of
from ble.station.work import Met, Work

# How long an armourer has, and how often the devices are asked. [ours]
WITHIN_S: Final = 60.0
EVERY_S: Final = 0.25
# The camera hears an arc within a tenth of a second; it is asked once that is over, since asking ends its recording.
HEARD_WITHIN_S: Final = 0.5
TESTED: Final = "tested"
_FROM: Final = "test from counter"
_COUNTER_BYTES: Final = 8
PASSED: Final = "Paired and tested."
_ASK: Final = "Arm the Taser and arc it."
_AGAIN: Final = "Arc again, with the camera on and within ten metres."


async def test(work: Work, taser: Met, camera: Met, pairing: bytes) -> str:
    """Wait until both devices have signed for the same arc, and keep what they signed for the service.

    Raises:
        NotShown: nobody armed and arced, or the camera did not hear it.
        DeviceLost: a device went away.
        DeviceRefused: what it signed does not hold.
    """
    first = _first_that_counts(work, taser)
    work.progress.begun(Step.TEST, _ASK)
    try:
        async with asyncio.timeout(WITHIN_S):
            while (passed := await _passed(taser, camera, pairing, first)) is None:
                await asyncio.sleep(EVERY_S)
    except TimeoutError as error:
        raise NotShown("The function test was not seen: no arc, or the camera did not hear it.", _AGAIN) from error
    _keep(work, taser, camera, pairing, passed)
    work.progress.done(Step.TEST, PASSED, counter=passed.entry.counter)
    return PASSED


def _first_that_counts(work: Work, taser: Met) -> int:
    """The lowest counter of a test that counts: the Taser's next one when this job first met it."""
    kept = work.store.fact(work.name, _FROM) if work.job else None
    if kept is not None:
        return int.from_bytes(kept)
    counter = taser.identified.report.vitals.counter or 0
    if work.job:
        work.store.put(facts={_FROM: counter.to_bytes(_COUNTER_BYTES)}, job=work.name)
    return counter


@dataclass(frozen=True)
class Passed:
    """A function test: the Taser's entry, as read and as signed, and the camera's signed account of the same arc."""

    entry: LogEntry
    signed: bytes
    account: bytes


async def _passed(taser: Met, camera: Met, pairing: bytes, first: int) -> Passed | None:
    fired = await _newest(taser, pairing)
    if fired is None or not isinstance(entry := fired[0], LogEntry) or entry.counter < first:
        return None
    await asyncio.sleep(HEARD_WITHIN_S)
    heard = await _newest(camera, pairing)
    if heard is None or not isinstance(heard[0], Account) or heard[0].counter != entry.counter:
        return None
    return Passed(entry, fired[1], heard[1])


async def _newest(met: Met, pairing: bytes) -> tuple[LogEntry | Account, bytes] | None:
    """The newest signed entry of a function test for this pairing; None while there is none."""
    answer = await met.contact.ask(TestRequest(pairing))
    if not isinstance(answer, Entries) or not answer.entries:
        return None
    signed = answer.entries[-1]
    try:
        read = statements.read(signed, [met.identified.credential.signing]).statement
    except EvidenceError as error:
        raise DeviceRefused(f"What {met.kind} {met.serial} signed of the test does not hold: {error}.") from error
    return (read, signed) if isinstance(read, LogEntry | Account) else None


def _keep(work: Work, taser: Met, camera: Met, pairing: bytes, passed: Passed) -> None:
    work.store.put(*_reports(work, taser, camera, pairing, passed), facts={TESTED: pairing}, job=work.name)
    work.courier.wake()


def _reports(work: Work, taser: Met, camera: Met, pairing: bytes, passed: Passed) -> list[Report]:
    if work.job is None:
        item = activation(taser.serial, passed.entry, at=work.clock())
        return [
            told(f"test-{taser.serial}-{passed.entry.counter}-{source}", [item | {"source": source} | more])
            for source, more in (
                ("taser-log", {"evidence": text_of(passed.signed)}),
                ("camera", {"evidence": text_of(passed.account), "camera": camera.serial}),
            )
        ]
    name = f"job-{work.name}-test-{text_of(pairing)}-{passed.entry.counter}"
    body = {"taser": text_of(passed.signed), "camera": text_of(passed.account)}
    return [Report(name, path_of(work.name, "test"), body)]


def activation(sppm: str, entry: LogEntry, *, at: float) -> dict[str, Any]:
    """What the service is told of an activation, whoever tells it. ``at`` is in seconds since 1970 UTC."""
    return {"sppm": sppm, "counter": entry.counter, "kind": entry.kind.name.lower(), "at": instant(at)}


def told(name: str, items: list[dict[str, Any]]) -> Report:
    """Activations, as a report of that name."""
    return Report(name, "/activations", {"items": items})
