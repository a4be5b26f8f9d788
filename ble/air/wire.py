"""Connections on the air: connection events, retransmission, and the supervision timeout."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bumble import hci, ll
from bumble.core import PhysicalTransport

from ble.air import radio as physics

if TYPE_CHECKING:
    from ble.air.link import AirLink, Station

# A data packet carries up to 251 bytes (data length extension); with its empty answer and two turns of the radio it
# holds the channel for its own bytes and this much more (Core 5.4, Vol 6, Part B, 2.4, 4.1).
FRAGMENT_BYTES = 251
FRAGMENT_OVERHEAD_S = (14 + 10) * physics.BYTE_S + 2 * 150e-6
L2CAP_HEADER_BYTES = 4
CONTROL_BYTES = 27
# Units of the connection's parameters in HCI.
INTERVAL_UNIT_S = 0.00125
TIMEOUT_UNIT_S = 0.010


def airtime(length: int) -> float:
    """How long this many bytes take, in as many packets as they need."""
    fragments = max(1, math.ceil(length / FRAGMENT_BYTES))
    return length * physics.BYTE_S + fragments * FRAGMENT_OVERHEAD_S


@dataclass(slots=True, eq=False)
class Wire:
    """One connection. Packets of a direction arrive in order, each once, or the connection ends."""

    central: "Station"
    peripheral: "Station"
    central_address: hci.Address
    peripheral_address: hci.Address
    interval_s: float
    timeout_s: float
    anchor: float
    losses: int
    sent: int = 0
    busy: dict[hci.Address, float] = field(default_factory=dict)
    held: list[Callable[[], None]] = field(default_factory=list)
    supervision: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, link: "AirLink", central: "Station", peripheral: "Station", packet: ll.ConnectInd) -> "Wire":
        now = asyncio.get_running_loop().time()
        return cls(
            central,
            peripheral,
            packet.initiator_address,
            packet.advertiser_address,
            packet.interval * INTERVAL_UNIT_S,
            packet.timeout * TIMEOUT_UNIT_S,
            now,
            physics.stream(link.seed, "wire", central.name, peripheral.name, str(now)),
        )

    def other(self, address: hci.Address) -> "Station":
        return self.peripheral if address == self.central_address else self.central

    def next_turn(self, sender: hci.Address, now: float) -> float:
        """When a packet of ``sender`` can start: right behind its last one, or at the next connection event."""
        behind = self.busy.get(sender, 0.0)
        if behind > now:
            return behind
        events = math.floor((now - self.anchor) / self.interval_s) + 1
        return self.anchor + events * self.interval_s

    def attempts_lost(self, loss: float) -> int:
        """How many attempts fail before one arrives; a share ``loss`` of them does."""
        if loss <= 0.0:
            return 0
        self.sent += 1
        chance = physics.uniform(self.losses, self.sent)
        return int(math.log(max(1.0 - chance, 1e-300)) / math.log(loss)) if loss < 1.0 else 1 << 30


class Wires:
    """Every connection of a link, by the two addresses that it was made under."""

    def __init__(self, link: "AirLink") -> None:
        self._link = link
        self._wires: dict[tuple[hci.Address, hci.Address], Wire] = {}

    def add(self, wire: Wire) -> None:
        self._wires[wire.central_address, wire.peripheral_address] = wire
        self._wires[wire.peripheral_address, wire.central_address] = wire

    def between(self, a: str, b: str) -> bool:
        """Whether two stations, by name, are connected."""
        return any({wire.central.name, wire.peripheral.name} == {a, b} for wire in self._wires.values())

    def cut(self, name: str) -> int:
        """Break every connection of a station this moment; returns how many there were."""
        broken = [wire for wire in self._unique() if name in {wire.central.name, wire.peripheral.name}]
        for wire in broken:
            self._lost(wire)
        return len(broken)

    def send_data(self, sender: "Station", destination: hci.Address, transport: PhysicalTransport, data: bytes) -> None:
        own = sender.own_addresses().get(destination)
        if own is None or (wire := self._wires.get((own, destination))) is None:
            return
        receiver = wire.other(own)
        seconds = airtime(len(data) + L2CAP_HEADER_BYTES)
        self._carry(wire, own, seconds, lambda: receiver.on_link_acl_data(own, transport, data))

    def send_control(self, sender: hci.Address, receiver: hci.Address, packet: ll.ControlPdu) -> None:
        if (wire := self._wires.get((sender, receiver))) is None:
            return
        other = wire.other(sender)
        self._carry(wire, sender, airtime(CONTROL_BYTES), lambda: self._control(wire, other, sender, packet))

    def _control(self, wire: Wire, receiver: "Station", sender: hci.Address, packet: ll.ControlPdu) -> None:
        receiver.on_ll_control_pdu(sender, packet)
        if isinstance(packet, ll.TerminateInd):
            self._forget(wire)

    def _carry(self, wire: Wire, sender: hci.Address, seconds: float, arrive: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        waited = wire.attempts_lost(self._link.radio.loss) * wire.interval_s
        if waited >= wire.timeout_s:
            self._supervise(wire)
            return
        end = wire.next_turn(sender, loop.time()) + waited + seconds
        wire.busy[sender] = end
        loop.call_at(end, self._arrive, wire, arrive)

    def _arrive(self, wire: Wire, arrive: Callable[[], None]) -> None:
        if not self._stands(wire):
            return
        if wire.held or not self._in_reach(wire):
            wire.held.append(arrive)
            return
        arrive()

    # Reach

    def moved(self) -> None:
        """Somebody moved: connections out of reach have until their supervision timeout to come back."""
        for wire in self._unique():
            if not self._in_reach(wire):
                self._supervise(wire)
            elif wire.supervision is not None:
                wire.supervision.cancel()
                wire.supervision = None
                self._release(wire)

    def lost_power(self, station: "Station") -> None:
        for wire in self._unique():
            if station in {wire.central, wire.peripheral}:
                self._supervise(wire)

    def _release(self, wire: Wire) -> None:
        held, wire.held = wire.held, []
        for arrive in held:
            if self._stands(wire):
                arrive()

    def _supervise(self, wire: Wire) -> None:
        if wire.supervision is None:
            wire.supervision = asyncio.get_running_loop().call_later(wire.timeout_s, self._lost, wire)

    def _lost(self, wire: Wire) -> None:
        if self._stands(wire):
            self._forget(wire)
            wire.central.on_supervision_timeout(wire.peripheral_address)
            wire.peripheral.on_supervision_timeout(wire.central_address)

    def _forget(self, wire: Wire) -> None:
        if wire.supervision is not None:
            wire.supervision.cancel()
        self._wires.pop((wire.central_address, wire.peripheral_address), None)
        self._wires.pop((wire.peripheral_address, wire.central_address), None)

    def _stands(self, wire: Wire) -> bool:
        return self._wires.get((wire.central_address, wire.peripheral_address)) is wire

    def _in_reach(self, wire: Wire) -> bool:
        return self._link.in_reach(wire.central, wire.peripheral)

    def _unique(self) -> list[Wire]:
        return [wire for key, wire in self._wires.items() if key[0] == wire.central_address]
