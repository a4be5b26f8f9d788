"""Who hears whom: advertisers and scanners with places, in modelled time, packet by packet.

Pure and drawn from a seed. Nothing in it knows what the packets say. Three things keep a packet from being heard: the
scanner listens elsewhere or not at all, chance (``Radio.loss``), or other packets on the same channel at the same time
that it does not exceed by the capture threshold.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Final

from ble.air.radio import (
    CHANNEL_STEP_S,
    CHANNELS,
    LONGEST_PDU_S,
    Radio,
    Scan,
    advertising_delay,
    milliwatts,
    packet_number,
    stream,
    uniform,
)
from ble.protocol.burst import packets

# From the first channel's start to the last one's end.
EVENT_S: Final = (CHANNELS - 1) * CHANNEL_STEP_S + LONGEST_PDU_S

Place = tuple[float, float]
"""Metres east and north of a corner."""


class Fate(Enum):
    """Why a packet was not heard by a scanner."""

    OUT_OF_RANGE = "out of range"
    NOT_LISTENING = "not listening"
    LOST = "packets lost"
    COLLIDED = "collided"


@dataclass(frozen=True, slots=True)
class Emitter:
    """One burst: whose, its ordinal among the advertiser's bursts, when its first packet starts, and where.

    ``times_s``, rising and counted from its start, are those of a transmitter that keeps other times than a Taser's.
    """

    advertiser: str
    burst: int
    start_s: float
    place: Place
    times_s: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """A scanner of legacy advertising."""

    name: str
    place: Place
    scan: Scan


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that was heard: of which emitter, the number of its advertising event, on which channel, and when."""

    emitter: int
    number: int
    channel: int
    start_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + LONGEST_PDU_S


class Air:
    """Bursts that share the three channels, worked out as far as anybody asks."""

    def __init__(self, seed: int, radio: Radio, emitters: Sequence[Emitter]) -> None:
        self.radio = radio
        self.emitters = emitters
        self._seed = seed
        self._times = [_times(seed, emitter) for emitter in emitters]
        self._next = [next(times, math.inf) for times in self._times]
        # Advertising events by their start: start, emitter, number. As all take the same time on each channel, two of
        # them meet on all three channels or on none.
        self.sent: list[tuple[float, int, int]] = []
        self._meeting: list[tuple[int, ...] | None] = []
        self._count = [0] * len(emitters)

    def extend(self, until_s: float) -> None:
        """Works out every advertising event that starts before ``until_s``."""
        more = []
        for emitter, times in enumerate(self._times):
            while self._next[emitter] < until_s:
                more.append((self._next[emitter], emitter, self._count[emitter]))
                self._count[emitter] += 1
                self._next[emitter] = next(times, math.inf)
        more.sort(key=itemgetter(0))
        self.sent += more
        self._meeting += [None] * len(more)

    def at(self, listener: Listener, watched: int = 0) -> "Reception":
        """What this listener hears, from the beginning on. Of one emitter it counts what it did not hear, and why."""
        return Reception(self, listener, watched)

    def meeting(self, index: int) -> Sequence[int]:
        """The emitters of the advertising events that overlap this one."""
        known = self._meeting[index]
        if known is None:
            known = self._meeting[index] = tuple(self._overlapping(index))
        return known

    def _overlapping(self, index: int) -> Iterator[int]:
        sent, start = self.sent, self.sent[index][0]
        for step in (-1, 1):
            other = index + step
            while 0 <= other < len(sent) and abs(sent[other][0] - start) < LONGEST_PDU_S:
                yield sent[other][1]
                other += step

    def loss_source(self, emitter: int, listener: Listener) -> int:
        one = self.emitters[emitter]
        return stream(self._seed, "loss", one.advertiser, one.burst, listener.name)


class Reception:
    """One listener on the air, going forward in time."""

    def __init__(self, air: Air, listener: Listener, watched: int) -> None:
        strengths = [air.radio.rssi(math.dist(one.place, listener.place)) for one in air.emitters]
        self._air = air
        self._listener = listener
        self._power = [milliwatts(strength) for strength in strengths]
        self._audible = [air.radio.audible(strength) for strength in strengths]
        self._losses: dict[int, int] = {}
        self._index = 0
        self._watched = watched
        self.unheard: Counter[Fate] = Counter()

    def until(self, end_s: float) -> Iterator[Packet]:
        """Every packet heard that starts before ``end_s`` and after the last one asked for, in order."""
        self._air.extend(end_s + LONGEST_PDU_S)
        sent, audible = self._air.sent, self._audible
        while self._index < len(sent) and sent[self._index][0] < end_s:
            index = self._index
            self._index += 1
            start, emitter, number = sent[index]
            if audible[emitter]:
                yield from self._heard(index, start, emitter, number)
            elif emitter == self._watched:
                self.unheard[Fate.OUT_OF_RANGE] += 1

    def _heard(self, index: int, start: float, emitter: int, number: int) -> Iterator[Packet]:
        channels = self._channels(start)
        if not channels and emitter == self._watched:
            self.unheard[Fate.NOT_LISTENING] += 1
        for channel in channels:
            fate = self._fate(index, emitter, packet_number(number, channel))
            if fate is None:
                yield Packet(emitter, number, channel, start + channel * CHANNEL_STEP_S)
            elif emitter == self._watched:
                self.unheard[fate] += 1

    def _channels(self, start: float) -> Sequence[int]:
        """On which channels it listens to this advertising event: one, or two or none as it changes its channel."""
        scan = self._listener.scan
        turn, into = divmod(start + scan.phase_s, scan.interval_s)
        if into + EVENT_S <= scan.window_s:
            return (int(turn) % CHANNELS,)
        begins = [start + channel * CHANNEL_STEP_S for channel in range(CHANNELS)]
        return [
            channel for channel, begin in enumerate(begins) if scan.channel(begin, begin + LONGEST_PDU_S) == channel
        ]

    def _fate(self, index: int, emitter: int, packet: int) -> Fate | None:
        radio = self._air.radio
        meeting = self._air.meeting(index)
        if meeting and not radio.survives(self._power[emitter], [self._power[other] for other in meeting]):
            return Fate.COLLIDED
        if radio.loss and uniform(self._source(emitter), packet) < radio.loss:
            return Fate.LOST
        return None

    def _source(self, emitter: int) -> int:
        source = self._losses.get(emitter)
        if source is None:
            source = self._losses[emitter] = self._air.loss_source(emitter, self._listener)
        return source


def aloha_bound(radio: Radio, *, at_once: int, period_s: float, chances: float) -> float:
    """The share of events heard in time if no packet survives a collision and each comes at a random phase.

    Pure ALOHA (Abramson 1970): a packet is free of collisions with probability exp(−2G), where G is the load of the
    other advertisers on one channel, all of them at random phases. ``chances`` are the packets sent in time.
    """
    load = (at_once - 1) * LONGEST_PDU_S / period_s
    heard = math.exp(-2.0 * load) * (1.0 - radio.loss)
    return 1.0 - float((1.0 - heard) ** chances)


def wait_bound_s(scan: Scan, share: float) -> float:
    """The least time within which this share of packets can be heard: of a sender that never pauses on any channel.

    It waits for the scanner's window if that is closed, and for one packet to be over.
    """
    closed = scan.interval_s - scan.window_s
    return max(0.0, closed - (1.0 - share) * scan.interval_s) + LONGEST_PDU_S


def _times(seed: int, emitter: Emitter) -> Iterator[float]:
    if emitter.times_s is not None:
        yield from (emitter.start_s + since_s for since_s in emitter.times_s)
        return
    delays = stream(seed, "delay", emitter.advertiser, emitter.burst)
    for since_ms in packets(lambda number: advertising_delay(delays, number) * 1000.0):
        yield emitter.start_s + since_ms / 1000.0
