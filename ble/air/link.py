"""The air that bumble's controllers share: who hears which advertising packet, and which connections stand.

Everything happens in the running loop's time. Each advertising event puts up to three packets on the air, one a
channel; a packet is heard by whoever listens to its channel from its start to its end, is near enough, does not
transmit meanwhile, and finds it stronger than what else was on the channel (``Radio.survives``).
"""

import asyncio
import enum
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bumble import hci, ll
from bumble.core import PhysicalTransport

from ble.air import radio as physics
from ble.air.radio import Radio, Scan
from ble.air.wire import Wire, Wires

# Packets are kept this long after their start, so that those that overlap can be found at the later one's end.
KEPT_S = 0.005


class Kind(enum.Enum):
    """The legacy advertising packets that the link carries (Core 5.4, Vol 6, Part B, 2.3.1)."""

    CONNECTABLE = "ADV_IND"
    SCANNABLE = "ADV_SCAN_IND"
    NOT_CONNECTABLE = "ADV_NONCONN_IND"
    SCAN_REQUEST = "SCAN_REQ"
    SCAN_RESPONSE = "SCAN_RSP"


class Advertiser(Protocol):
    """What a controller has on the air; read anew at each advertising event."""

    @property
    def kind(self) -> Kind: ...

    @property
    def sender(self) -> hci.Address: ...

    @property
    def payload(self) -> bytes: ...

    @property
    def response(self) -> bytes:
        """What a scanner gets that asks for more."""
        ...


class Station(Protocol):
    """A controller as the link sees it."""

    name: str

    def own_addresses(self) -> dict[hci.Address, hci.Address]:
        """Under which of its addresses it is connected to each peer."""
        ...

    def on_packet_heard(self, packet: "Packet", rssi_dbm: float) -> None: ...

    def on_le_connect_ind(self, packet: ll.ConnectInd) -> None: ...

    def on_link_acl_data(self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes) -> None: ...

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None: ...

    def on_supervision_timeout(self, peer: hci.Address) -> None: ...


@dataclass(slots=True, eq=False)
class Place:
    """Where a station is, and what its radio is doing."""

    station: Station
    at: tuple[float, float]
    gain_db: float
    scans: dict[str, Scan] = field(default_factory=dict)
    bursts: dict[int, int] = field(default_factory=dict)
    busy: tuple[float, float] = (-1.0, -1.0)

    def listens(self, packet: "Packet") -> bool:
        """Whether one of its scans is on the packet's channel for as long as it takes."""
        start, end, channel = packet.start, packet.end, packet.channel
        for scan in self.scans.values():  # noqa: SIM110 - asked 30,000 times a second by a hundred Tasers
            if scan.channel(start, end) == channel:
                return True
        return False


@dataclass(slots=True, eq=False)
class Burst:
    """One advertiser from being switched on until it is switched off."""

    place: Place
    advertiser: Advertiser
    source: str
    ordinal: int
    interval_s: float
    channels: tuple[int, ...]
    delays: int
    begun: float
    nominal: float
    event: int = 0
    timer: asyncio.TimerHandle | None = None
    losses: dict[str, int] = field(default_factory=dict)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True, eq=False)
class Packet:
    """One packet on one advertising channel (0, 1, 2 for 37, 38, 39); times in modelled seconds."""

    burst: Burst
    kind: Kind
    sender: hci.Address
    data: bytes
    number: int
    channel: int
    start: float
    end: float

    def meets(self, other: "Packet") -> bool:
        return other.start < self.end and other.end > self.start


@dataclass(frozen=True, slots=True)
class Overheard:
    """What an observer with a receiver everywhere sees of a packet."""

    at: float
    kind: Kind
    sender: hci.Address
    data: bytes


class AirLink:
    """A link for ``AirController``s, with places, a radio model, and a seed that all its chance comes from.

    It has the methods of ``bumble.link.LocalLink`` that a controller without BR/EDR calls.
    """

    def __init__(self, *, seed: int, radio: Radio | None = None) -> None:
        self.seed = seed
        self.radio = radio or Radio()
        self.wires = Wires(self)
        self.packets = 0
        self._places: dict[str, Place] = {}
        self._on_air: tuple[deque[Packet], ...] = tuple(deque() for _ in range(physics.CHANNELS))
        self._strengths: dict[tuple[str, str], tuple[float, float]] = {}
        self._ranges: dict[str, list[Place]] = {}
        self._observers: list[Callable[[Overheard], None]] = []
        self._watchers: list[Callable[[Burst], None]] = []

    # Stations and places

    def add_controller(self, controller: Station) -> None:
        """Put a station at the origin; ``move`` it from there.

        Raises:
            ValueError: another of its name is on the air; its name is what its chance is drawn by.
        """
        if controller.name in self._places:
            raise ValueError(f"{controller.name} is on the air already")
        self._places[controller.name] = Place(controller, (0.0, 0.0), 0.0)
        self._ranges.clear()

    def on_address_changed(self, controller: Station) -> None:
        """An advertiser's address is read at each event, and a connection keeps the one that it was made under."""

    def remove_controller(self, controller: Station) -> None:
        """Its power is gone: it neither sends nor hears, and its connections time out at the other end."""
        place = self._places.pop(controller.name)
        place.scans.clear()
        self._forget_strengths(controller.name)
        self.wires.lost_power(controller)

    def move(self, name: str, x_m: float, y_m: float, *, gain_db: float = 0.0) -> None:
        """Put a station at a place in the plane; ``gain_db`` makes it louder or quieter than the radio's power."""
        place = self._places[name]
        place.at, place.gain_db = (x_m, y_m), gain_db
        self._forget_strengths(name)
        self.wires.moved()

    def tune(self, radio: Radio) -> None:
        """Change the radio's model from here on, for every packet that ends from now."""
        self.radio = radio
        self._strengths.clear()
        self._ranges.clear()
        self.wires.moved()

    def rssi(self, sender: str, receiver: str) -> float:
        """In dBm; minus infinity when either is not on the air."""
        if sender not in self._places or receiver not in self._places:
            return -math.inf
        return self._strength(self._places[sender], self._places[receiver])[0]

    def in_reach(self, a: Station, b: Station) -> bool:
        """Whether each hears the other; a station that lost its power hears nobody, whoever has its name now."""
        here = all(place and place.station is one for one in (a, b) for place in (self._places.get(one.name),))
        return here and self.radio.audible(min(self.rssi(a.name, b.name), self.rssi(b.name, a.name)))

    def observe(self, observer: Callable[[Overheard], None]) -> None:
        """Show everything that is sent in the open to somebody who hears it all."""
        self._observers.append(observer)

    def watch(self, watcher: Callable[[Burst], None]) -> None:
        """Show every burst as it begins: what the pure model needs to work out the same."""
        self._watchers.append(watcher)

    # Scanning

    def listen(self, name: str, purpose: str, interval_s: float, window_s: float) -> None:
        self._places[name].scans[purpose] = physics.scan(self.seed, name, interval_s, window_s)

    def stop_listening(self, name: str, purpose: str) -> None:
        if place := self._places.get(name):
            place.scans.pop(purpose, None)

    # Advertising

    def advertise(
        self, name: str, slot: int, advertiser: Advertiser, *, interval_s: float, channels: tuple[int, ...]
    ) -> Burst:
        """Start a burst now: its first advertising event is this moment, unless the radio is busy with another's."""
        place = self._places[name]
        source, ordinal = f"{name}/{slot}", place.bursts.get(slot, 0)
        place.bursts[slot] = ordinal + 1
        delays = physics.stream(self.seed, "delay", source, ordinal)
        loop = asyncio.get_running_loop()
        now = loop.time()
        burst = Burst(place, advertiser, source, ordinal, interval_s, channels, delays, now, now)
        burst.timer = loop.call_at(burst.nominal, self._advertising_event, burst)
        for watcher in self._watchers:
            watcher(burst)
        return burst

    def _advertising_event(self, burst: Burst) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # One radio: sets that fall together go one after the other.
        if burst.place.busy[1] > now:
            burst.timer = loop.call_at(burst.place.busy[1], self._advertising_event, burst)
            return
        self._put_on_air(burst, now)
        delay = physics.advertising_delay(burst.delays, burst.event)
        burst.nominal += burst.interval_s + delay
        burst.event += 1
        burst.timer = loop.call_at(max(burst.nominal, now), self._advertising_event, burst)

    def _put_on_air(self, burst: Burst, now: float) -> None:
        advertiser = burst.advertiser
        data, kind, sender = advertiser.payload, advertiser.kind, advertiser.sender
        length = physics.pdu_seconds(len(data))
        listening = self._listening(burst.place)
        for step, channel in enumerate(burst.channels):
            start = now + step * physics.CHANNEL_STEP_S
            number = physics.packet_number(burst.event, channel)
            self._send(Packet(burst, kind, sender, data, number, channel, start, start + length), listening)
        burst.place.busy = (now, now + (len(burst.channels) - 1) * physics.CHANNEL_STEP_S + length)

    def _send(self, packet: Packet, listening: list[Place]) -> None:
        self.packets += 1
        on_air = self._on_air[packet.channel]
        while on_air and on_air[0].start < packet.start - KEPT_S:
            on_air.popleft()
        on_air.append(packet)
        self.overheard(packet.kind, packet.sender, packet.data, packet.start)
        if audience := self._audience(packet, listening):
            asyncio.get_running_loop().call_at(packet.end, self._settle, packet, audience)

    def overheard(self, kind: Kind, sender: hci.Address, data: bytes, at: float | None = None) -> None:
        if self._observers:
            seen = Overheard(asyncio.get_running_loop().time() if at is None else at, kind, sender, data)
            for observer in self._observers:
                observer(seen)

    def _listening(self, sender: Place) -> list[Place]:
        """Who scans, and is near enough."""
        return [place for place in self._within_range(sender) if place.scans]

    def _within_range(self, sender: Place) -> list[Place]:
        if (known := self._ranges.get(sender.station.name)) is None:
            known = self._ranges[sender.station.name] = [
                place
                for place in self._places.values()
                if place is not sender and self.radio.audible(self._strength(sender, place)[0])
            ]
        return known

    def _audience(self, packet: Packet, listening: list[Place]) -> list[Place]:
        return [place for place in listening if place.listens(packet)]

    def _settle(self, packet: Packet, audience: list[Place]) -> None:
        others = [other for other in self._on_air[packet.channel] if other is not packet and packet.meets(other)]
        for place in audience:
            if self._reads(place, packet, others):
                rssi, _ = self._strength(packet.burst.place, place)
                place.station.on_packet_heard(packet, rssi)

    def _reads(self, place: Place, packet: Packet, others: list[Packet]) -> bool:
        if not place.scans or (place.busy[0] < packet.end and place.busy[1] > packet.start):
            return False
        if self.radio.loss and self._is_lost(packet, place.station.name):
            return False
        if not others:
            return True
        _, signal = self._strength(packet.burst.place, place)
        return self.radio.survives(signal, (self._strength(other.burst.place, place)[1] for other in others))

    def _is_lost(self, packet: Packet, receiver: str) -> bool:
        burst = packet.burst
        losses = burst.losses.get(receiver)
        if losses is None:
            losses = burst.losses[receiver] = physics.stream(self.seed, "loss", burst.source, burst.ordinal, receiver)
        return physics.uniform(losses, packet.number) < self.radio.loss

    def _strength(self, sender: Place, receiver: Place) -> tuple[float, float]:
        """Received power in dBm and in mW."""
        key = (sender.station.name, receiver.station.name)
        if (known := self._strengths.get(key)) is None:
            dbm = self.radio.rssi(math.dist(sender.at, receiver.at)) + sender.gain_db
            known = self._strengths[key] = (dbm, physics.milliwatts(dbm))
        return known

    def _forget_strengths(self, name: str) -> None:
        self._strengths = {key: value for key, value in self._strengths.items() if name not in key}
        self._ranges.clear()

    # Connections

    def connect(self, central: Station, packet: ll.ConnectInd, heard: Packet) -> None:
        """A central answered a connectable packet; both ends are connected from now."""
        self.wires.add(Wire.of(self, central, heard.burst.place.station, packet))
        peripheral = heard.burst.place.station
        asyncio.get_running_loop().call_soon(peripheral.on_le_connect_ind, packet)

    def send_acl_data(
        self,
        sender_controller: Station,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        self.wires.send_data(sender_controller, destination_address, transport, data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        self.wires.send_control(sender_address, receiver_address, packet)
