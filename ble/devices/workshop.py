"""A force's device authority, its permits and one station in a simulated world, over a cable instead of the air.

For worlds that begin with devices that are commissioned and paired: the messages are the protocol's own, and every
signature and handshake is real; only nobody scans, connects or waits.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ble.protocol.cose import PrivateKey, PublicKey
from ble.protocol.credentials import Credential, Kind, Trust
from ble.protocol.device import Device
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.messages import Answer, Commission, Done, Enrol, EnrolRequest, Refused, Reported, Request
from ble.protocol.permits import ID_SIZE, LIFETIME_S, Party, Permit, Purpose
from ble.protocol.relay import Agreed, Ask, NeedPermit, PairRelay, Side
from ble.protocol.reports import Report
from ble.protocol.session import Identified, StationSession
from ble.protocol.steps import Application, Moment, Step

# The cable stands for a link that is as hardened as the baseline asks for.
LINK: Final = Bluetooth.SECURE_CONNECTIONS
CREDENTIAL_S: Final = 5 * 365 * 86_400
STATION_S: Final = 86_400
STATION: Final = "WORKSHOP"


class Simulated(Protocol):
    """A simulated device with power, whatever it is."""

    @property
    def firmware(self) -> str: ...

    def side(self) -> Device[Any]: ...

    def moment(self, bluetooth: Bluetooth) -> Moment: ...

    def carry_out(self, step: Step) -> None: ...

    def ask(self, request: Application) -> Answer: ...


class Refusal(Exception):
    """A device said no to what a world is built from."""


class Cable:
    """One session with one device."""

    def __init__(self, device: Simulated, session: StationSession) -> None:
        self.device = device
        self.session = session
        self._give(session.begin())

    def ask(self, request: Request) -> Answer:
        """A request and its answer.

        Raises:
            Refusal: the device said no.
            SessionError: the session is over.
        """
        answer = self._give(self.session.ask(request))
        if answer is None or isinstance(answer, Refused):
            raise Refusal(f"{type(request).__name__}: {answer}")
        return answer

    def unplug(self) -> None:
        self.device.side().disconnected(self)

    def _give(self, message: bytes) -> Answer | None:
        side = self.device.side()
        while True:
            step = side.receive(self, message, self.device.moment(LINK))
            self.device.carry_out(step)
            if step.ask is not None:
                step = side.answer(self.device.ask(step.ask))
            received = None if step.send is None else self.session.receive(step.send)
            if not isinstance(received, bytes):
                return received
            message = received


@dataclass(slots=True)
class Workshop:
    """The authority and its station. ``now_s`` is the true time in seconds since 1970 UTC."""

    authority: PrivateKey
    permit_signer: PrivateKey
    station_key: PrivateKey
    now_s: Callable[[], int]

    @classmethod
    def of(cls, seed: int, now_s: Callable[[], int]) -> "Workshop":
        return cls(key(seed, "authority"), key(seed, "permits"), key(seed, "station"), now_s)

    @property
    def trust(self) -> Trust:
        return Trust(
            (self.authority.public,), (self.permit_signer.public,), epoch=1, issued_at=self.now_s() // 3600 * 3600
        )

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The signed trusts that a device is given."""
        return (self.trust.issue(self.authority),)

    def station_session(self) -> StationSession:
        """The station's end of a connection that is about to begin."""
        now, own = self.now_s(), self.station_key.public
        credential = Credential(Kind.STATION, STATION, own, own, now, now + STATION_S)
        return StationSession(self.station_key, credential.issue(self.authority), self.chain)

    def plug_in(self, device: Simulated) -> Cable:
        return Cable(device, self.station_session())

    def credential_of(self, agreement: PublicKey, signing: PublicKey, report: Report) -> bytes:
        """What the authority issues to a new device."""
        now, vitals = self.now_s(), report.vitals
        credential = Credential(
            report.kind,
            report.serial,
            agreement,
            signing,
            now,
            now + CREDENTIAL_S,
            vitals.encryption,
            vitals.bluetooth,
            vitals.firmware,
        )
        return credential.issue(self.authority)

    def commission(self, device: Simulated) -> None:
        """Give a new device its credential and the trust that it hangs on.

        Raises:
            Refusal, SessionError: it would not have them.
        """
        cable = self.plug_in(device)
        enrol = cable.ask(EnrolRequest())
        if not isinstance(enrol, Enrol):
            raise Refusal(f"no keys: {enrol}")
        credential = self.credential_of(*cable.session.enrolled(enrol))
        done = cable.ask(Commission(credential, self.chain))
        cable.unplug()
        if not isinstance(done, Done):
            raise Refusal(f"not commissioned: {done}")

    def pair(self, taser: Simulated, camera: Simulated, purpose: Purpose = Purpose.PAIR) -> bytes:
        """Pair two commissioned devices; returns the pairing's id. A camera's monitor takes the Taser's place.

        Raises:
            Refusal, RelayError, SessionError: they would not.
        """
        cables = {Side.TASER: self.plug_in(taser), Side.CAMERA: self.plug_in(camera)}
        identified: dict[Side, Identified] = {}

        def identify(side: Side, answer: Reported) -> Identified:
            identified[side] = cables[side].session.identify(answer, self.trust, now=self.now_s())
            return identified[side]

        relay = PairRelay(identify)
        action, pairing = relay.begin(), b""
        while not isinstance(action, Agreed):
            if isinstance(action, NeedPermit):
                permit = self.permit(identified[Side.TASER], identified[Side.CAMERA], purpose)
                pairing = permit.id
                action = relay.permitted(permit.issue(self.permit_signer))
            elif isinstance(action, Ask):
                action = relay.receive(action.side, cables[action.side].ask(action.request))
        for cable in cables.values():
            cable.unplug()
        return pairing

    def permit(self, taser: Identified, camera: Identified, purpose: Purpose = Purpose.PAIR) -> Permit:
        """What the service would issue for these two, whose reports were just read."""
        now = self.now_s()
        names = f"{taser.report.nonce.hex()} {camera.report.nonce.hex()}"
        return Permit(
            id=hashlib.sha256(names.encode()).digest()[:ID_SIZE],
            purpose=purpose,
            taser_serial=taser.report.vitals.taser or taser.report.serial,
            taser=_party(taser),
            camera=_party(camera),
            station=self.station_key.public.id,
            job="workshop",
            issued_at=now,
            expires_at=now + LIFETIME_S,
            encryption=Encryption.AES256,
            bluetooth=LINK,
        )


def key(seed: int, name: str) -> PrivateKey:
    """A key of a simulated world: the same for the same seed and name, and of no use outside it."""
    secret = hashlib.sha256(f"simulated key {seed} {name}".encode()).digest()
    # Four bytes of zeros keep it below the order of P-256.
    return PrivateKey(bytes(4) + secret[4:])


def _party(device: Identified) -> Party:
    return Party(device.report.serial, device.credential.agreement.id, device.report.nonce)
