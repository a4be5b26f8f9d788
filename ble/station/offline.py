"""What a verb does at a terminal: for a job if the service has one, by itself if not, to be told later."""

from contextlib import AsyncExitStack
from typing import Any, Final

from ble.protocol.credentials import Kind
from ble.station import testing
from ble.station.errors import NotShown, ServiceAway
from ble.station.pairing import standing
from ble.station.service import Job, JobKind
from ble.station.station import Station
from ble.station.store import Store
from ble.station.wording import instant
from ble.station.work import Work

# How long a verb waits at its end for the service to take what was done. What it does not take, it takes later.
SEND_S: Final = 5.0


async def the_job(station: Station, kind: JobKind, wait_s: int) -> Job:
    """The service's next job for this station, which must be of this kind.

    Raises:
        NotShown: there is none in that time, or it is another.
        ServiceAway, NotEnrolled
    """
    station.wait_s = min(wait_s, station.wait_s)
    found = await station.next_job()
    if not isinstance(found, Job):
        raise NotShown(f"The service has no job for this station to {kind}.", "Ask for it on the page /armoury.")
    if found.kind is not kind:
        what = f"The next job for this station is to {found.kind}, job {found.id}."
        raise NotShown(what, f"Run: python -m ble station {found.kind}")
    return found


async def job_or_none(station: Station, kind: JobKind) -> Job | None:
    """The service's next job if it is of this kind; None if it is not, or if the service is away."""
    station.wait_s = 0
    try:
        return await the_job(station, kind, 0)
    except (ServiceAway, NotShown):
        return None


async def test(work: Work) -> str:
    """Test the pairing of the Taser and the camera that are in pairing mode; answers what to say at the end.

    Raises:
        StationError: it could not be done.
    """
    async with AsyncExitStack() as stack:
        taser = await work.meet_any(Kind.TASER, stack)
        camera = await work.meet_any(Kind.CAMERA, stack)
        return await testing.test(work, taser, camera, standing(taser, camera))


def status(store: Store) -> dict[str, Any]:
    """What a station can say of itself without a word of what it must not tell."""
    own = store.identity()
    found: dict[str, Any] = {"enrolled": own is not None}
    if own is not None:
        found |= {"station": own.station, "service": own.service, "credential_until": instant(own.ends_at)}
    found |= {"waiting": store.waiting(), "refused": [f"{one.name}: {why}" for one, why in store.refusals()]}
    return found
