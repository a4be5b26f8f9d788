"""The protocol's other end in this process: the monitor answers its own station as a device would, without a radio."""

from typing import Any

from ble.monitor.keeping import Keeping
from ble.protocol.credentials import Trust
from ble.protocol.device import Device
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.messages import Answer, Refused, Reported, Request
from ble.protocol.reports import Vitals
from ble.protocol.session import Identified, SessionError, StationSession
from ble.protocol.steps import Moment, Refusal
from ble.station.contact import Clock
from ble.station.security import Protection
from ble.station.store import Identity

FIRMWARE = "monitor 1"


class Local:
    """One session with oneself. ``side`` is the end of the protocol that the monitor takes.

    A monitor keeps no recordings; it reports the highest levels because nothing of it is on the air or at rest.
    """

    protection = Protection.AUTHENTICATED
    offset_s: float | None = 0.0

    def __init__(self, side: Device[Any], keeping: Keeping, own: Identity, trust: Trust, clock: Clock) -> None:
        self._side = side
        self._keeping = keeping
        self._trust = trust
        self._clock = clock
        self._began = clock()
        self._session = StationSession(own.agreement, own.credential, own.chain)
        self._give(self._session.begin())

    @property
    def session(self) -> StationSession:
        """The station's end."""
        return self._session

    async def ask(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            SessionError: the session is over.
        """
        answer = self._give(self._session.ask(request))
        if answer is None:
            raise SessionError("no answer")
        return answer

    def identify(self, answer: Reported) -> Identified:
        """Who the monitor says it is.

        Raises:
            SessionError: its credential does not stand.
        """
        return self._session.identify(answer, self._trust, now=int(self._clock()))

    def close(self) -> None:
        """End the session."""
        self._side.disconnected(self)

    def _give(self, message: bytes) -> Answer | None:
        while True:
            step = self._side.receive(self, message, self._moment())
            self._keeping.carry_out(step)
            if step.ask is not None:
                step = self._side.answer(Refused(Refusal.NOT_EXPECTED.value, "a monitor has neither log nor clock"))
            received = None if step.send is None else self._session.receive(step.send)
            if not isinstance(received, bytes):
                return received
            message = received

    def _moment(self) -> Moment:
        now = self._clock()
        vitals = Vitals(FIRMWARE, Encryption.AES256, Bluetooth.AUTHENTICATED, 100, int(now), 0)
        return Moment(now - self._began, vitals)
