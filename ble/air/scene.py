"""Pairs of Taser and camera that fire together on the modelled air: real counters, beacons and decisions, in rounds.

Each round some of the pairs stand anywhere on a square, each camera a set distance from its Taser, and all fire. Every
camera decides on everything that it hears, its own Taser's beacons and the others', until it has its event.
"""

import math
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ble.air.model import Air, Emitter, Fate, Listener, Packet, Place, Reception
from ble.air.radio import Radio, scan, stream, uniform
from ble.protocol.beacon import KEY_BYTES, Kind, frame
from ble.protocol.counter import Beacons, Counter, TaserEvent, TaserPairing, refresh_at
from ble.protocol.decision import ACCEPTED, Camera, Decision
from ble.protocol.identifiers import Keys, first_state

# Receivers of today read a packet that exceeds another on its channel by this much: Silicon Labs' data sheet of the
# BGM13S, table 4.18, "signal to co-channel interferer", 0.1% bit errors at 1 Mbit/s. The Core asks for 21 dB only.
CAPTURE_DB: Final = 9.0
# How long it takes to store a reservation before the first packet. [ours]
STORE_MS: Final = 2
# One round after another: longer than a burst, so that rounds do not meet.
ROUND_S: Final = 60.0
# 1 June 2018, noon.
BEGINNING_MS: Final = 1_527_854_400_000
_STEP_S: Final = 0.05
_KINDS: Final = (Kind.ARMED, Kind.TRIGGER, Kind.ARC)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is simulated. ``pairs`` beyond ``at_once`` take turns; with fewer, the other Tasers have no camera there."""

    pairs: int = 1
    events: int = 1_000
    at_once: int = 1
    seed: int = 1
    radio: Radio = field(default_factory=lambda: Radio(capture_db=CAPTURE_DB))
    scan_interval_s: float = 0.060
    scan_window_s: float = 0.060
    spread_s: float = 0.0
    within_s: float = 3.0
    camera_m: float = 2.0
    side_m: float = 20.0


@dataclass(slots=True)
class Outcome:
    """What came of it. Latencies are in modelled milliseconds from the event to the decision to record."""

    latencies_ms: list[float] = field(default_factory=list)
    missed: Tally[str] = field(default_factory=Tally)
    false_accepts: int = 0
    packets: int = 0
    heard: int = 0
    verdicts: Tally[str] = field(default_factory=Tally)
    backdated_ms: int = 0

    @property
    def captured(self) -> int:
        return len(self.latencies_ms)

    @property
    def events(self) -> int:
        return self.captured + self.missed.total()

    def within(self, seconds: float) -> float:
        """The share of events captured within so many seconds."""
        return sum(latency <= seconds * 1000.0 for latency in self.latencies_ms) / max(1, self.events)

    def percentile(self, share: float) -> float | None:
        """Of the captured events' latencies; None when there are none."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else None


class Pair:
    """A Taser and its camera, each with its own real memory of the pairing."""

    def __init__(self, seed: int, number: int) -> None:
        self.number = number
        self.name = number.to_bytes(16, "big")
        self.fired = 0
        keys = Keys(0, _key(seed, "beacon", number), _key(seed, "identifier", number))
        # Tasers have fired before they are paired: each starts somewhere else.
        start = stream(seed, "start", number) % 10_000
        self._counter = Counter(start)
        self._taser = TaserPairing(self.name, keys, start)
        self.camera = Camera([first_state(self.name, keys, start)])

    def fire(self, at_ms: int) -> Beacons:
        """The next event, reserved, and what is sent of it."""
        due = self._counter.due()
        if due is not None:
            self._counter.confirm(due)
        kind = _KINDS[self.fired % len(_KINDS)]
        self.fired += 1
        return self._taser.beacons(TaserEvent(self._counter.take(), kind, at_ms, 90, STORE_MS))


def run(scene: Scene) -> Iterator[Outcome]:
    """Yields the outcome as it grows, round by round; the last one is of all events.

    Raises:
        ValueError: there are no pairs, no Tasers at once, or no events.
    """
    if min(scene.pairs, scene.at_once, scene.events) < 1:
        raise ValueError("at least one pair, one Taser at once and one event")
    pairs = [Pair(scene.seed, number) for number in range(max(scene.pairs, scene.at_once))]
    outcome = Outcome()
    number = 0
    while outcome.events < scene.events:
        firing = [pairs[(number * scene.at_once + turn) % len(pairs)] for turn in range(scene.at_once)]
        Round(scene, number, firing).play(outcome)
        number += 1
        yield outcome


class Round:
    """Some pairs that fire at once."""

    def __init__(self, scene: Scene, number: int, firing: Sequence[Pair]) -> None:
        self._scene = scene
        self._firing = firing
        self._places = [_place(scene, number, pair) for pair in firing]
        # At any time of the minute's first ten seconds, so that no round keeps step with a scanner.
        began = number * ROUND_S + uniform(stream(scene.seed, "round"), number) * 10.0
        spreads = stream(scene.seed, "trigger", number)
        self._triggers = [began + uniform(spreads, pair.number) * scene.spread_s for pair in firing]
        bursts = [pair.fired for pair in firing]
        self._beacons = [
            pair.fire(BEGINNING_MS + int(at * 1000.0)) for pair, at in zip(firing, self._triggers, strict=True)
        ]
        emitters = [
            Emitter(f"taser-{pair.number}/0", burst, at + STORE_MS / 1000.0, place)
            for pair, burst, at, place in zip(firing, bursts, self._triggers, self._places, strict=True)
        ]
        self._air = Air(scene.seed, scene.radio, emitters)
        self._angles = stream(scene.seed, "angle", number)
        self._frames: dict[tuple[int, int], bytes] = {}

    def play(self, outcome: Outcome) -> None:
        """Every camera listens until it has its event or its time is over; no more events than the scene has."""
        for index, pair in enumerate(self._firing):
            if pair.number < self._scene.pairs and outcome.events < self._scene.events:
                self._listen(index, outcome)
        outcome.packets += len(self._air.sent)

    def _listen(self, index: int, outcome: Outcome) -> None:
        scene, pair = self._scene, self._firing[index]
        name = f"camera-{pair.number}"
        scanner = scan(scene.seed, name, scene.scan_interval_s, scene.scan_window_s)
        reception = self._air.at(Listener(name, self._beside(index), scanner), index)
        for packet in _until(reception, self._triggers[index], scene.within_s):
            decision = pair.camera.hear(self._frame(packet), BEGINNING_MS + int(packet.end_s * 1000.0))
            outcome.heard += 1
            outcome.verdicts[decision.verdict.value] += 1
            if decision.verdict in ACCEPTED and self._is_captured(decision, index, packet, outcome):
                return
        outcome.missed[_why(reception)] += 1

    def _is_captured(self, decision: Decision, index: int, packet: Packet, outcome: Outcome) -> bool:
        sighting, event = decision.sighting, self._beacons[index].event
        if sighting is None or sighting.counter != event.counter or packet.emitter != index:
            outcome.false_accepts += 1
            return False
        outcome.latencies_ms.append((packet.end_s - self._triggers[index]) * 1000.0)
        outcome.backdated_ms = max(outcome.backdated_ms, abs(sighting.at_ms - event.clock_ms))
        return True

    def _frame(self, packet: Packet) -> bytes:
        since_ms = (packet.start_s - self._air.emitters[packet.emitter].start_s) * 1000.0
        refresh = refresh_at(since_ms) or 0
        found = self._frames.get((packet.emitter, refresh))
        if found is None:
            found = self._frames[packet.emitter, refresh] = frame(self._beacons[packet.emitter].payload(refresh))
        return found

    def _beside(self, index: int) -> Place:
        angle = uniform(self._angles, self._firing[index].number) * 2.0 * math.pi
        x, y = self._places[index]
        return x + self._scene.camera_m * math.cos(angle), y + self._scene.camera_m * math.sin(angle)


def _until(reception: Reception, trigger_s: float, within_s: float) -> Iterator[Packet]:
    # In steps, as the air is worked out no farther than the last camera without its event asks.
    steps = math.ceil(within_s / _STEP_S)
    for step in range(1, steps + 1):
        end = trigger_s + min(step * _STEP_S, within_s)
        yield from (packet for packet in reception.until(end) if packet.end_s <= trigger_s + within_s)


def _why(reception: Reception) -> str:
    if not reception.unheard:
        return "nothing sent"
    fate = max(Fate, key=lambda one: reception.unheard[one])
    return fate.value


def _place(scene: Scene, number: int, pair: Pair) -> Place:
    places = stream(scene.seed, "place", number)
    return uniform(places, 2 * pair.number) * scene.side_m, uniform(places, 2 * pair.number + 1) * scene.side_m


def _key(seed: int, name: str, number: int) -> bytes:
    halves = [stream(seed, name, number, half) for half in range(KEY_BYTES // 8)]
    return b"".join(half.to_bytes(8, "big") for half in halves)
