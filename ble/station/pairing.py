"""The pairing of a Taser and a camera: met, permitted, agreed, tested. The station carries, and decides nothing."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from ble.protocol.credentials import Kind
from ble.protocol.messages import Answer, Done, Refused, Reported, Unpair
from ble.protocol.permits import ID_SIZE, Permit, PermitError
from ble.protocol.receipts import PairingReceipt, ReceiptError
from ble.protocol.relay import Action, Agreed, Ask, NeedPermit, PairRelay, RelayError, Side
from ble.protocol.session import Identified, SessionError
from ble.station import testing
from ble.station.contact import Peer, refused
from ble.station.errors import DeviceRefused
from ble.station.progress import Step, path_of
from ble.station.service import Permission
from ble.station.store import Report
from ble.station.wording import text_of
from ble.station.work import Met, Work

# Orders to forget old pairings come with a permit, and end the transaction that it was for; then it begins anew.
ROUNDS: Final = 3
RECEIPTS: Final = "receipts"
PERMITS: Final = "permits"
_TRUST: Final = "Wait a minute for the station to hear of the service's new keys, and try again."


@dataclass(frozen=True)
class Parties:
    """The two devices of a pairing, as they answer."""

    taser: Peer
    camera: Peer

    def of(self, side: Side) -> Peer:
        """The one on this side."""
        return self.taser if side is Side.TASER else self.camera


async def pair(work: Work) -> str:
    """Carry out a job to pair, or to make new keys for a pairing; answers what to say at its end.

    Begun again after it was cut off anywhere, it goes on from what the devices hold.

    Raises:
        StationError: it could not be done.
    """
    job = work.the_job()
    if work.store.fact(work.name, testing.TESTED):
        return testing.PASSED
    async with AsyncExitStack() as stack:
        met = await work.meet_all({Kind.TASER: job.sppm, Kind.CAMERA: job.camera}, stack)
        taser, camera = met[Kind.TASER], met[Kind.CAMERA]
        pairing = await agree(work, Parties(taser.contact, camera.contact))
        return await testing.test(work, taser, camera, pairing)


async def agree(work: Work, parties: Parties) -> bytes:
    """Have the two agree on keys under a permit, and keep their receipts for the service; answers the pairing's id.

    Raises:
        ServiceRefused: a rule refuses.
        DeviceRefused: a device refuses.
        ServiceAway: there is no permit to be had now.
        DeviceLost: a device went away.
    """
    for _ in range(ROUNDS):
        agreed = await Attempt(work, parties).run()
        if agreed is not None:
            return _keep(work, agreed)
    raise DeviceRefused("The devices hold pairings that they do not forget.", "Commission them anew.")


class Attempt:
    """One run through the handshake. It ends without an agreement when devices were first told to forget others."""

    def __init__(self, work: Work, parties: Parties) -> None:
        self._work = work
        self._parties = parties
        self._identified: dict[Side, Identified] = {}
        self._relay = PairRelay(self._identify, work.the_job().unfinished | _permitted(work))

    async def run(self) -> Agreed | None:
        """Carry messages until both have signed."""
        action: Action | None = self._relay.begin()
        while not isinstance(action, Agreed):
            if action is None:
                return None
            action = await (self._permit(action) if isinstance(action, NeedPermit) else self._carry(action))
        self._work.progress.done(Step.AGREE)
        return action

    def _identify(self, side: Side, answer: Reported) -> Identified:
        self._identified[side] = self._parties.of(side).identify(answer)
        return self._identified[side]

    async def _carry(self, ask: Ask) -> Action:
        answer = await self._parties.of(ask.side).ask(ask.request)
        try:
            return self._relay.receive(ask.side, answer)
        except (RelayError, SessionError) as error:
            raise _failed(ask.side, answer, error) from error

    async def _permit(self, needed: NeedPermit) -> Action | None:
        work = self._work
        work.progress.begun(Step.PERMIT)
        await work.tell()
        given = await work.service.permit(
            work.name, self._report(Side.TASER, needed.taser), self._report(Side.CAMERA, needed.camera)
        )
        _note(work, given.permit)
        work.progress.done(Step.PERMIT)
        if given.orders_taser or given.orders_camera:
            await self._part(given)
            return None
        work.progress.begun(Step.AGREE)
        return self._relay.permitted(given.permit)

    async def _part(self, given: Permission) -> None:
        self._work.progress.begun(Step.PART)
        for peer, orders in ((self._parties.taser, given.orders_taser), (self._parties.camera, given.orders_camera)):
            for order in orders:
                answer = await peer.ask(Unpair(order))
                if not isinstance(answer, Done):
                    raise refused(answer)
        self._work.progress.done(Step.PART, pairings=len(given.orders_taser) + len(given.orders_camera))

    def _report(self, side: Side, reported: Reported) -> Mapping[str, Any]:
        return report_of(self._identified[side], reported, self._parties.of(side).offset_s)


def _permitted(work: Work) -> frozenset[bytes]:
    """The permits that this station was given for this job: what was made under one is finished, not made anew."""
    kept = work.store.fact(work.name, PERMITS) or b""
    return frozenset(kept[at : at + ID_SIZE] for at in range(0, len(kept), ID_SIZE))


def _note(work: Work, permit: bytes) -> None:
    try:
        made = Permit.read(permit, work.trust.permit_keys).id
    except PermitError as error:
        raise DeviceRefused(f"The service's permit does not hold: {error}.", _TRUST) from error
    work.store.put(facts={PERMITS: (work.store.fact(work.name, PERMITS) or b"") + made}, job=work.name)


def report_of(found: Identified, reported: Reported, offset_s: float | None) -> dict[str, Any]:
    """What the service is told of a device. It believes ``signed``; the rest is for whoever reads along."""
    vitals = found.report.vitals
    body: dict[str, Any] = {
        "credential": text_of(reported.credential),
        "signed": text_of(reported.report),
        "serial": vitals.taser or found.credential.serial,
        "firmware": vitals.firmware,
        "bluetooth": vitals.bluetooth.value,
        "clock_offset_s": offset_s,
        "clock_set": vitals.clock is not None,
        "battery_percent": vitals.battery_percent,
        "nonce": text_of(found.report.nonce),
    }
    if vitals.taser:
        body["sppm"] = found.credential.serial
    if vitals.encryption is not None:
        body["encryption"] = vitals.encryption.value
    if vitals.counter is not None:
        body["counter"] = vitals.counter
    return body


def _keep(work: Work, agreed: Agreed) -> bytes:
    """The receipts are on the disk before anything else is done: from here on the service will hear of them."""
    work.progress.begun(Step.RECEIPTS)
    pairing = _named(agreed.taser)
    body = {"taser": text_of(agreed.taser), "camera": text_of(agreed.camera)}
    name = f"job-{work.name}-receipts-{text_of(pairing)}"
    work.store.put(Report(name, path_of(work.name, "receipts"), body), facts={RECEIPTS: pairing}, job=work.name)
    work.courier.wake()
    work.progress.done(Step.RECEIPTS)
    return pairing


def _named(receipt: bytes) -> bytes:
    try:
        return PairingReceipt.named(receipt)
    except ReceiptError as error:
        raise DeviceRefused(f"The Taser's receipt cannot be read: {error}.") from error


def _failed(side: Side, answer: Answer, error: Exception) -> DeviceRefused:
    if isinstance(answer, Refused):
        found = refused(answer)
        return DeviceRefused(f"The {side.name.lower()}: {found.what}", found.mend, reason=found.reason)
    return DeviceRefused(f"The {side.name.lower()}: {error}.")


async def test_of_job(work: Work) -> str:
    """Carry out a job to test a pairing that stands; answers what to say at its end."""
    job = work.the_job()
    if work.store.fact(work.name, testing.TESTED):
        return testing.PASSED
    async with AsyncExitStack() as stack:
        met = await work.meet_all({Kind.TASER: job.sppm, Kind.CAMERA: job.camera}, stack)
        taser, camera = met[Kind.TASER], met[Kind.CAMERA]
        return await testing.test(work, taser, camera, standing(taser, camera))


def standing(taser: Met, camera: Met) -> bytes:
    """The id of the pairing that both devices hold, the newest.

    Raises:
        DeviceRefused: they hold none with each other.
    """
    ours = {held.pairing for held in camera.identified.report.held if held.peer == taser.key}
    theirs = [held.pairing for held in taser.identified.report.held if held.peer == camera.key]
    both = [pairing for pairing in theirs if pairing in ours]
    if not both:
        raise DeviceRefused(f"{taser.serial} and {camera.serial} are not paired with each other.", "Pair them first.")
    return both[-1]
