"""A stage on the modelled air: a paired Taser and camera, and whoever else listens or sends.

Times are modelled seconds from ``NOON``. Attackers hold what they heard and nothing else: no key, no state of a device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ble.air.model import Air, Emitter, Listener, Place
from ble.air.radio import LONGEST_PDU_S, Radio, Scan, scan, stream, uniform
from ble.air.scene import CAPTURE_DB
from ble.protocol.beacon import Kind, frame
from ble.protocol.counter import Beacons, TaserEvent, refresh_at
from ble.protocol.decision import Decision, Verdict
from tests.ble.fired import NOON, Pair

CAMERA_PLACE: Place = (0.0, 0.0)
TASER_PLACE: Place = (2.0, 0.0)
ATTACKER_PLACE: Place = (0.0, 0.3)
# Where others stand: the camera still hears its own Taser through what is sent from there.
STREET: Place = (8.0, 0.0)
BURST_S = 25.6

Says = Callable[[int, float], bytes]
"""A packet's 31 bytes by its number and the milliseconds since the burst's start."""


@dataclass(frozen=True)
class Heard:
    """A packet at somebody's antenna."""

    at_s: float
    sender: str
    data: bytes


@dataclass
class Stage:
    """Everything that is sent, and what a camera made of it."""

    seed: int = 1
    loss: float = 0.0
    pair: Pair = field(default_factory=Pair)
    emitters: list[Emitter] = field(default_factory=list)
    says: list[Says] = field(default_factory=list)

    def send(self, sender: str, at_s: float, says: Says, place: Place, times_s: Sequence[float] | None = None) -> None:
        ordinal = sum(one.advertiser == sender for one in self.emitters)
        times = None if times_s is None else tuple(times_s)
        self.emitters.append(Emitter(sender, ordinal, at_s, place, times))
        self.says.append(says)

    def fire(
        self, at_s: float, kind: Kind = Kind.TRIGGER, pair: Pair | None = None, place: Place = TASER_PLACE
    ) -> Beacons:
        """A Taser's event and its burst."""
        of = pair or self.pair
        event = TaserEvent(of.take(), kind, NOON + int(at_s * 1_000), 80)
        beacons = of.taser.beacons(event)
        says: Says = lambda _, since_ms: frame(beacons.payload(refresh_at(since_ms) or 0))  # noqa: E731
        self.send(f"taser {id(of)}", at_s, says, place)
        return beacons

    def air(self) -> Air:
        return Air(self.seed, Radio(capture_db=CAPTURE_DB, loss=self.loss), self.emitters)

    def heard(self, listener: Listener, until_s: float) -> list[Heard]:
        packets = self.air().at(listener).until(until_s)
        return [self._heard(packet.emitter, packet.number, packet.start_s, packet.end_s) for packet in packets]

    def _heard(self, emitter: int, number: int, start_s: float, end_s: float) -> Heard:
        one = self.emitters[emitter]
        return Heard(end_s, one.advertiser, self.says[emitter](number, (start_s - one.start_s) * 1_000.0))

    def camera_hears(self, until_s: float) -> list[tuple[Heard, Decision]]:
        """The pair's camera, always scanning, and its decision on each packet."""
        return [(packet, self.decide(packet)) for packet in self.at_camera(until_s)]

    def at_camera(self, until_s: float) -> list[Heard]:
        return self.heard(Listener("camera", CAMERA_PLACE, scan(self.seed, "camera", 0.06, 0.06)), until_s)

    def decide(self, packet: Heard) -> Decision:
        return self.pair.camera.hear(packet.data, NOON + int(packet.at_s * 1_000))


def verdicts(decided: Sequence[tuple[Heard, Decision]], sender: str = "") -> dict[Verdict, int]:
    """How often the camera came to each verdict on this sender's packets."""
    found: dict[Verdict, int] = {}
    for packet, decision in decided:
        if packet.sender.startswith(sender):
            found[decision.verdict] = found.get(decision.verdict, 0) + 1
    return found


class Eavesdropper:
    """Hears every channel at once and keeps everything."""

    def __init__(self, stage: Stage, until_s: float, place: Place = ATTACKER_PLACE) -> None:
        self.packets = sorted(
            (
                packet
                for channel in range(3)
                for packet in stage.heard(Listener(f"ear {channel}", place, _always_on(channel)), until_s)
            ),
            key=lambda packet: packet.at_s,
        )


class Replayer:
    """Sends what was heard again, byte for byte, at times of its own."""

    def __init__(self, heard: Sequence[Heard]) -> None:
        self._heard = heard

    def attack(self, stage: Stage, at_s: float, *, every_s: float = 0.005) -> None:
        packets = [packet.data for packet in self._heard]
        times = [number * every_s for number in range(len(packets))]
        stage.send("attacker", at_s, lambda number, _: packets[number], ATTACKER_PLACE, times)


class Forger:
    """Knows the identifiers that are live just now, and puts everything else at random or alters it."""

    def __init__(self, heard: Sequence[Heard], seed: int) -> None:
        self._heard = [packet.data for packet in heard]
        self._chance = stream(seed, "forger")

    def packet(self, number: int) -> bytes:
        data = bytearray(self._heard[number % len(self._heard)])
        roll = int(uniform(self._chance, 2 * number) * 2**32)
        if roll % 3 == 0:
            at = 7 + roll // 3 % 24
            data[at] ^= 1 + roll // 128 % 255
        elif roll % 3 == 1:
            data[8] = (data[8] + 1 + roll // 3 % 255) % 256
        else:
            data[15:] = int(uniform(self._chance, 2 * number + 1) * 2**53).to_bytes(16, "big")
        return bytes(data)

    def attack(
        self, stage: Stage, at_s: float, packets: int, *, every_s: float = 0.002, place: Place = ATTACKER_PLACE
    ) -> None:
        times = [number * every_s for number in range(packets)]
        stage.send("attacker", at_s, lambda number, _: self.packet(number), place, times)


class Jammer:
    """Sends without a pause beside the camera, so that nothing else is heard."""

    def attack(self, stage: Stage, at_s: float, seconds: float) -> None:
        times = [number * LONGEST_PDU_S for number in range(int(seconds / LONGEST_PDU_S))]
        stage.send("jammer", at_s, lambda *_: bytes(31), ATTACKER_PLACE, times)


class Flooder:
    """Sends packets that are none of the camera's business, as fast as it is told."""

    def __init__(self, seed: int) -> None:
        self._chance = stream(seed, "flood")

    def packet(self, number: int) -> bytes:
        body = int(uniform(self._chance, number) * 2**53).to_bytes(7, "big") * 4
        return frame(b"\x01" + body[:23])

    def attack(self, stage: Stage, at_s: float, packets: int, *, every_s: float) -> None:
        times = [number * every_s for number in range(packets)]
        stage.send("flood", at_s, lambda number, _: self.packet(number), STREET, times)


def _always_on(channel: int) -> Scan:
    return Scan(1e9, 1e9, channel * 1e9)
