"""One device at the other end of a link: who it is, what it answers, and how far its clock is off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ble.protocol.credentials import Trust
from ble.protocol.messages import Answer, Enrol, EnrolRequest, Refused, Reported, ReportRequest, Request
from ble.protocol.reports import Report
from ble.protocol.session import Identified, SessionError, StationSession
from ble.station.errors import DeviceRefused
from ble.station.radio import Link
from ble.station.security import Protection
from ble.station.store import Identity

Clock = Callable[[], float]
_HALF_S: Final = 0.5
_SHOWN: Final = 200
# What a person can do about a device's refusal, by its own word for it; the words are those of ble.protocol.steps.
_MEND: Final = {
    "busy": "Another station serves this device. Wait half a minute, or stop the other.",
    "version": "Update the station or the device.",
    "station-not-trusted": "The station's credential is not believed: see that it is enrolled, or renew it.",
    "permit-expired": "The permit ran out. Start the pairing again.",
    "permit-not-fresh": "Start the pairing again.",
    "level-too-low": "Update the device to the force's baseline first.",
    "no-room-for-another-pairing": "A magazine holds four pairings: revoke one on its page.",
    "not-paired": "The device does not hold this pairing: pair it anew.",
    "credential-not-trusted": "Commission the device anew.",
}


class Peer(Protocol):
    """A device that answers requests: over the air, or in this very process.

    ``offset_s`` is how far its clock is ahead of this one, to about half a second; None when it is not set.
    """

    protection: Protection
    offset_s: float | None

    async def ask(self, request: Request) -> Answer:
        """Its answer."""

    def identify(self, answer: Reported) -> Identified:
        """Who it is, from its report."""


class Contact:
    """An open session with one device."""

    def __init__(self, link: Link, session: StationSession, trust: Trust, clock: Clock) -> None:
        self.protection = link.protection
        self._link = link
        self._session = session
        self._trust = trust
        self._clock = clock
        self._asked_at = self._answered_at = 0.0
        self.offset_s: float | None = None

    @classmethod
    async def open(cls, link: Link, own: Identity, trust: Trust, clock: Clock) -> "Contact":
        """Greet a device and prove to each other who is who.

        Raises:
            DeviceRefused: it does not trust this station, or proves nothing.
            DeviceLost: it went away.
        """
        contact = cls(link, StationSession(own.agreement, own.credential, own.chain), trust, clock)
        await link.send(contact._session.begin())
        with _refusing():
            while (answer := contact._session.receive(await link.receive())) is not None:
                await link.send(_handshake(answer))
        return contact

    async def ask(self, request: Request) -> Answer:
        """The device's answer to a request; a refusal is an answer.

        Raises:
            DeviceLost: it went away.
            DeviceRefused: what came is no answer of this session.
        """
        with _refusing():
            self._asked_at = self._clock()
            await self._link.send(self._session.ask(request))
            answer = self._session.receive(await self._link.receive())
            self._answered_at = self._clock()
        if answer is None or isinstance(answer, bytes):
            raise DeviceRefused("The device began anew in the middle of a session.")
        return answer

    async def expect(self, request: Request, *wanted: type[Answer]) -> Answer:
        """An answer of one of these kinds.

        Raises:
            DeviceRefused: it is another.
            DeviceLost: the device went away.
        """
        answer = await self.ask(request)
        if isinstance(answer, wanted):
            return answer
        raise refused(answer)

    async def introduce(self) -> Identified:
        """Who the device is, and how it is; measures its clock.

        Raises:
            DeviceRefused: it was not commissioned, or its credential does not stand.
            DeviceLost: it went away.
        """
        answer = await self.expect(ReportRequest(b""), Reported)
        assert isinstance(answer, Reported)  # noqa: S101 - that is what was expected
        return self.identify(answer)

    def identify(self, answer: Reported) -> Identified:
        """Who the device is, from a report that has just come; measures its clock.

        Raises:
            SessionError: its credential does not stand, or the report is not its own.
        """
        found = self._session.identify(answer, self._trust, now=int(self._clock()))
        self._measure(found.report)
        return found

    async def enrol(self) -> tuple[Enrol, Report]:
        """The keys and the report of a device that has no credential yet.

        Raises:
            DeviceRefused: it has one, or what it says does not hold.
            DeviceLost: it went away.
        """
        answer = await self.expect(EnrolRequest(), Enrol)
        assert isinstance(answer, Enrol)  # noqa: S101 - that is what was expected
        with _refusing():
            report = self._session.enrolled(answer)[2]
        self._measure(report)
        return answer, report

    def _measure(self, report: Report) -> None:
        # A report carries whole seconds, so half a second is the best guess at the rest.
        clock = report.vitals.clock
        middle = (self._asked_at + self._answered_at) / 2
        self.offset_s = None if clock is None else clock + _HALF_S - middle


def refused(answer: Answer) -> DeviceRefused:
    """What a device's no means to the armourer."""
    if isinstance(answer, Refused):
        found = f": {answer.found}" if answer.found else ""
        what = f"The device refuses ({answer.reason}{found})."[:_SHOWN]
        return DeviceRefused(what, _MEND.get(answer.reason, ""), reason=answer.reason)
    return DeviceRefused(f"The device answers {type(answer).__name__}, which was not asked.")


def _handshake(answer: bytes | Answer) -> bytes:
    if isinstance(answer, bytes):
        return answer
    raise SessionError("an answer before anything was asked")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except SessionError as error:
        raise DeviceRefused(f"The session with the device ended: {error}."[:_SHOWN]) from error
