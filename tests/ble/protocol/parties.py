"""A force in memory: authority, service, station and two devices, joined by wires that do what a test says.

Nothing here is Bluetooth: what is tested is the protocol. Each device has a store that survives its power, and its
owner carries out steps as ``ble.protocol.steps`` says: write, then send.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Credential, Kind, Trust
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.memory import Memory
from ble.protocol.messages import Answer, Reported
from ble.protocol.messages import Request as DeviceRequest
from ble.protocol.pairing import CameraSide, TaserSide
from ble.protocol.permits import LIFETIME_S, Party, Permit, Purpose, UnpairOrder
from ble.protocol.receipts import PairingReceipt
from ble.protocol.relay import Action, Agreed, Ask, NeedPermit, PairRelay, RelayError, Side
from ble.protocol.reports import Report, Vitals
from ble.protocol.session import Identified, SessionError, StationSession
from ble.protocol.steps import Moment, Step

NOW = 1_800_000_000
YEAR = 365 * 86_400
TASER = Vitals("2.0", None, Bluetooth.SECURE_CONNECTIONS, 80, NOW, counter=4_711, taser="X2-0001")
CAMERA = Vitals("3.1", Encryption.AES256, Bluetooth.SECURE_CONNECTIONS, 90, NOW)


class PowerCut(Exception):
    """The device has lost its power, and with it everything that was not written."""


class Interrupted(Exception):
    """The station gave up: nothing came, or not what it waited for."""


@dataclass
class Owner:
    """Whoever owns a device's radio and store."""

    side: TaserSide | CameraSide
    vitals: Vitals
    uptime_s: float = 100.0
    stored: bytes = b""
    keys: dict[bytes, tuple[bytes, bytes, bytes]] = field(default_factory=dict)
    # Where the power is cut, by what is about to be done: "receive", "write" or "send", counted from 1; 0 is never.
    cut_at: tuple[str, int] = ("", 0)
    done: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def memory(self) -> Memory:
        """What would be found after a loss of power."""
        return Memory.decode(self.stored)

    def receive(self, link: object, data: bytes) -> bytes | None:
        """Carry out what the side makes of a message."""
        self._count("receive")
        return self.carry_out(self.side.receive(link, data, Moment(self.uptime_s, self.vitals)))

    def carry_out(self, step: Step) -> bytes | None:
        """Write, then send."""
        if step.note:
            self.notes.append(step.note)
        if step.write is not None:
            self._count("write")
            self.stored = step.write.encode()
            self.keys |= {
                born.pairing.id: (born.beacon_key, born.identifier_key, born.companion_key) for born in step.born
            }
            for gone in step.gone:
                del self.keys[gone]
        if step.send is not None:
            self._count("send")
        return step.send

    def _count(self, what: str) -> None:
        self.done[what] += 1
        if self.cut_at == (what, self.done[what]):
            self.restart()
            raise PowerCut

    def restart(self) -> None:
        """Off and on again."""
        self.side = type(self.side)(self.memory)
        self.uptime_s = 0.0
        self.cut_at = ("", 0)


@dataclass
class Force:
    """The service and its device authority."""

    authority: PrivateKey = field(default_factory=PrivateKey.generate)
    signer: PrivateKey = field(default_factory=PrivateKey.generate)
    revoked: frozenset[bytes] = frozenset()
    epoch: int = 1
    on: bool = True
    permits: list[Permit] = field(default_factory=list)
    required: tuple[Encryption, Bluetooth] = (Encryption.AES256, Bluetooth.SECURE_CONNECTIONS)

    @property
    def trust(self) -> Trust:
        """What it gives to devices now."""
        return Trust((self.authority.public,), (self.signer.public,), self.epoch, NOW, self.revoked)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The same, signed."""
        return (self.trust.issue(self.authority),)

    def commission(self, memory: Memory, **fields: object) -> Memory:
        """A device with a credential and the trust."""
        credential = Credential(
            memory.kind, memory.serial, memory.agreement.public, memory.signing.public, NOW - 60, NOW + YEAR
        )
        return replace(memory, credential=replace(credential, **fields).issue(self.authority), trust=self.trust)

    def rotate(self) -> tuple[bytes, ...]:
        """A new authority key: the chain through the overlap, and the trust with the new key alone at its end."""
        old, self.authority = self.authority, PrivateKey.generate()
        both = replace(self.trust, authority_keys=(old.public, self.authority.public), epoch=self.epoch + 1)
        self.epoch += 2
        return (both.issue(old), *self.chain)

    def revoke(self, *keys: bytes) -> None:
        """Revoke devices by their agreement keys' ids."""
        self.revoked |= set(keys)
        self.epoch += 1

    def permit(self, taser: Reported, camera: Reported, station: bytes, purpose: Purpose = Purpose.PAIR) -> bytes:
        """What the service makes of two reports, when the rules hold."""
        if not self.on:
            raise Interrupted("the service is gone")
        first, second = self._read(taser), self._read(camera)
        permit = Permit(
            secrets.token_bytes(16), purpose, first[1].vitals.taser, _party(*first), _party(*second), station, "17",
            NOW, NOW + LIFETIME_S, *self.required,
        )  # fmt: skip
        self.permits.append(permit)
        return permit.issue(self.signer)

    def _read(self, reported: Reported) -> tuple[Credential, Report]:
        credential = self.trust.credential(reported.credential, now=NOW)
        return credential, Report.read(reported.report, credential.signing)

    def order(self, pairing: bytes) -> bytes:
        """An order to unpair."""
        return UnpairOrder(pairing, NOW, "test").issue(self.signer)


def _party(credential: Credential, report: Report) -> Party:
    return Party(credential.serial, credential.agreement.id, report.nonce)


# A wire carries one message at a time: what comes of it is what arrives at its other end, in order.
Wire = Callable[[Side, str, bytes], list[bytes]]


def straight(_side: Side, _direction: str, data: bytes) -> list[bytes]:
    """A wire that does nothing to what it carries."""
    return [data]


class Station:
    """An armourer's station: it pairs the two devices that are in front of it."""

    def __init__(self, force: Force, taser: Owner, camera: Owner, key: PrivateKey | None = None) -> None:
        self.force = force
        self.key = key or PrivateKey.generate()
        self.owners = {Side.TASER: taser, Side.CAMERA: camera}
        station = Memory(Kind.STATION, "ARM-1", self.key, PrivateKey.generate())
        self.credential = force.commission(station).credential
        self.chain = force.chain
        self.purpose = Purpose.PAIR
        # What the job is there to replace; every other permit of the force was issued for this job.
        self.known: frozenset[bytes] = frozenset()
        self.sessions: dict[Side, StationSession] = {}
        self.relay: PairRelay | None = None
        self.wire: Wire = straight
        self.link = object()
        # What a dishonest or unlucky station does between two of its actions.
        self.before: Callable[[Action], Action] = lambda action: action

    def pair(self) -> Agreed:
        """One whole attempt over new connections.

        Raises:
            Interrupted: it did not come to its end.
        """
        self.link = object()
        try:
            for side in Side:
                self.connect(side)
            return self._relay()
        except (SessionError, RelayError, PowerCut) as error:
            raise Interrupted(f"{type(error).__name__}: {error}") from error
        finally:
            self.disconnect()

    def disconnect(self) -> None:
        """Both connections end."""
        for owner in self.owners.values():
            owner.side.disconnected(self.link)

    def connect(self, side: Side) -> StationSession:
        """Open a session with one device."""
        session = self.sessions[side] = StationSession(self.key, self.credential, self.chain)
        answer = self._send(side, session.begin())
        while answer is not None:
            onward = session.receive(answer)
            if onward is None:
                return session
            assert isinstance(onward, bytes)
            answer = self._send(side, onward)
        raise Interrupted("no answer")

    def ask(self, side: Side, request: DeviceRequest) -> Answer:
        """One request and its answer."""
        answer = self._send(side, self.sessions[side].ask(request))
        if answer is None:
            raise Interrupted("no answer")
        found = self.sessions[side].receive(answer)
        assert found is not None
        assert not isinstance(found, bytes)
        return found

    def _relay(self) -> Agreed:
        unfinished = frozenset(permit.id for permit in self.force.permits) - self.known
        self.relay = PairRelay(self._identify, unfinished)
        action = self.before(self.relay.begin())
        while not isinstance(action, Agreed):
            action = self.before(self._next(action))
        return action

    def _identify(self, side: Side, answer: Reported) -> Identified:
        return self.sessions[side].identify(answer, self.force.trust, now=NOW)

    def _next(self, action: Action) -> Action:
        assert self.relay is not None
        match action:
            case Ask(side, request):
                return self.relay.receive(side, self.ask(side, request))
            case NeedPermit(taser, camera):
                return self.relay.permitted(self.force.permit(taser, camera, self.key.public.id, self.purpose))
        raise AssertionError(action)

    def _send(self, side: Side, data: bytes) -> bytes | None:
        """Carry a message to a device, and the first answer back; None when none comes."""
        arrived: list[bytes] = []
        for message in self.wire(side, "to", data):
            answer = self.owners[side].receive(self.link, message)
            if answer is not None:
                arrived += self.wire(side, "from", answer)
        # A second answer is one too many: it is read as the answer to what is asked next.
        for extra in arrived[1:]:
            self.sessions[side].receive(arrived[0])
            self.sessions[side].receive(extra)
        return arrived[0] if arrived else None


@dataclass
class Pair:
    """A force with one Taser, one camera and one station."""

    force: Force
    taser: Owner
    camera: Owner
    station: Station

    @property
    def taser_holds(self) -> dict[bytes, tuple[bytes, bytes, bytes]]:
        """The Taser's pairings and their keys, as its store has them."""
        assert {one.id for one in self.taser.memory.pairings} == set(self.taser.keys)
        return self.taser.keys

    @property
    def camera_holds(self) -> dict[bytes, tuple[bytes, bytes, bytes]]:
        """The camera's pairings and their keys, as its store has them."""
        assert {one.id for one in self.camera.memory.pairings} == set(self.camera.keys)
        return self.camera.keys

    def require_sound(self) -> None:
        """What holds at every moment: whatever the Taser holds, the camera holds too, with the same keys."""
        for pairing, keys in self.taser_holds.items():
            assert self.camera_holds.get(pairing) == keys

    def require_paired(self, agreed: Agreed) -> None:
        """What holds after a pairing that came to its end: both hold it and nothing else, and the receipts show it."""
        self.require_sound()
        taser, camera = self.taser.memory, self.camera.memory
        assert [one.standing.value for one in (*taser.pairings, *camera.pairings)] == ["agreed", "agreed"]
        first = PairingReceipt.read(agreed.taser, taser.signing.public)
        second = PairingReceipt.read(agreed.camera, camera.signing.public)
        first.require_match(second)
        assert {first.pairing} == set(self.taser_holds) == set(self.camera_holds)


def owner(side: TaserSide | CameraSide, vitals: Vitals) -> Owner:
    """A device with what it was commissioned with in its store."""
    return Owner(side, vitals, stored=side.memory.encode())


def new_pair() -> Pair:
    """A Taser, a camera, a station and their force, before any pairing."""
    force = Force()
    taser = owner(TaserSide(force.commission(Memory.new(Kind.TASER, "SP-0001"))), TASER)
    camera = owner(CameraSide(force.commission(Memory.new(Kind.CAMERA, "BW2-0001"))), CAMERA)
    return Pair(force, taser, camera, Station(force, taser, camera))
