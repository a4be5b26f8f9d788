"""bumble's controller on our link: it advertises, scans and connects on the air, with intervals in the right units.

What the stock one does differently is replaced here: it takes the legacy interval for milliseconds, never sends
ADV_NONCONN_IND, reports each packet twice, ignores scan windows, duplicates and cancellation, and formats every HCI
packet in colour for a log that nobody reads.
"""

import asyncio
import functools
from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from bumble import controller as stock
from bumble import hci, ll
from bumble.host import Host
from bumble.link import LocalLink

from ble.air.link import AirLink, Burst, Kind, Packet

# bumble works out the fields of an HCI structure anew for each one that it makes; they are their class's, for ever.
# That took more time than all the air does.
_fields_of = functools.cache(hci.HCI_Object.fields_from_dataclass)
hci.HCI_Object.fields_from_dataclass = staticmethod(  # type: ignore[method-assign, assignment]
    lambda made: _fields_of(made if isinstance(made, type) else type(made))
)

UNIT_S = 0.000625
# A controller forgets whom it has reported when its list is full, as real ones do.
DUPLICATES_KEPT = 128

_Properties = hci.HCI_LE_Set_Extended_Advertising_Parameters_Command.AdvertisingProperties
_Extended = hci.HCI_LE_Extended_Advertising_Report_Event
_Legacy = hci.HCI_LE_Advertising_Report_Event

_LEGACY_KINDS = {0x00: Kind.CONNECTABLE, 0x02: Kind.SCANNABLE, 0x03: Kind.NOT_CONNECTABLE}
_LEGACY_EVENTS = {
    Kind.CONNECTABLE: _Legacy.EventType.ADV_IND,
    Kind.SCANNABLE: _Legacy.EventType.ADV_SCAN_IND,
    Kind.NOT_CONNECTABLE: _Legacy.EventType.ADV_NONCONN_IND,
    Kind.SCAN_RESPONSE: _Legacy.EventType.SCAN_RSP,
}
# The same in the bits of an extended report (Core 5.4, Vol 4, Part E, 7.7.65.13).
_EXTENDED_EVENTS = {
    Kind.CONNECTABLE: 0b10011,
    Kind.SCANNABLE: 0b10010,
    Kind.NOT_CONNECTABLE: 0b10000,
    Kind.SCAN_RESPONSE: 0b11010,
}


def _channels(bits: int) -> tuple[int, ...]:
    return tuple(channel for channel in range(3) if bits >> channel & 1) or (0, 1, 2)


class _OnAir:
    """What both kinds of advertiser have in common: a burst on the link while they are enabled."""

    controller: "AirController"
    enabled: bool
    burst: Burst | None = None

    def begin(self, slot: int, interval: int, channel_bits: int) -> None:
        self.end()
        self.enabled = True
        self.burst = self.controller.air.advertise(
            self.controller.name,
            slot,
            self,  # type: ignore[arg-type]
            interval_s=interval * UNIT_S,
            channels=_channels(channel_bits),
        )

    def end(self) -> None:
        self.enabled = False
        if self.burst is not None:
            self.burst.stop()
            self.burst = None


@dataclass(eq=False)
class AirLegacyAdvertiser(_OnAir, stock.LegacyAdvertiser):
    """The one advertiser of the legacy commands; the standard counts its interval in units of 0.625 ms."""

    controller: "AirController"

    @property
    def kind(self) -> Kind:
        return _LEGACY_KINDS.get(int(self.advertising_type), Kind.NOT_CONNECTABLE)

    @property
    def sender(self) -> hci.Address:
        return self.address

    @property
    def payload(self) -> bytes:
        return bytes(self.advertising_data)

    @property
    def response(self) -> bytes:
        return bytes(self.scan_response_data)

    def start(self) -> None:
        self.begin(0, self.advertising_interval_min, self.advertising_channel_map)

    def stop(self) -> None:
        self.end()


@dataclass(eq=False)
class AirAdvertisingSet(_OnAir, stock.AdvertisingSet):
    """One advertising set of the extended commands, with legacy packets: the only ones that the link carries."""

    controller: "AirController"

    @property
    def kind(self) -> Kind:
        properties = int(self.parameters.advertising_event_properties) if self.parameters else 0
        if properties & _Properties.CONNECTABLE_ADVERTISING:
            return Kind.CONNECTABLE
        return Kind.SCANNABLE if properties & _Properties.SCANNABLE_ADVERTISING else Kind.NOT_CONNECTABLE

    @property
    def sender(self) -> hci.Address:
        return self.address or hci.Address.ANY_RANDOM

    @property
    def payload(self) -> bytes:
        return bytes(self.data)

    @property
    def response(self) -> bytes:
        return bytes(self.scan_response_data)

    def start(self) -> None:
        if self.parameters is not None:
            interval = self.parameters.primary_advertising_interval_min
            self.begin(self.handle, interval, int(self.parameters.primary_advertising_channel_map))

    def stop(self) -> None:
        self.end()


class AirController(stock.Controller):
    """A controller with a place on an ``AirLink``; its name is its identity there, and never on the air."""

    def __init__(self, name: str, link: AirLink) -> None:
        super().__init__(name, link=cast(LocalLink, link))
        self.air = link
        self.le_legacy_advertiser = AirLegacyAdvertiser(self)
        self._reports_extended = False
        self._reported: OrderedDict[tuple[bytes, bytes, Kind], None] = OrderedDict()
        self._heard: Packet | None = None

    # The host's side, without the log

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if isinstance(packet, hci.HCI_Command):
            self.on_hci_command_packet(packet)
        elif isinstance(packet, hci.HCI_AclDataPacket):
            self.on_hci_acl_data_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.host:
            asyncio.get_running_loop().call_soon(self._deliver, bytes(packet))

    def _deliver(self, packet: bytes) -> None:
        # Power may have gone since it was sent.
        if self.host:
            self.host.on_packet(packet)

    def power_off(self) -> None:
        """Gone from the air this moment, with everything that it was doing."""
        self.le_legacy_advertiser.stop()
        for advertising_set in self.advertising_sets.values():
            advertising_set.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        self.air.remove_controller(self)
        self.hci_sink = None

    # Advertising

    def on_hci_le_set_extended_advertising_parameters_command(
        self, command: hci.HCI_LE_Set_Extended_Advertising_Parameters_Command
    ) -> hci.HCI_LE_Set_Extended_Advertising_Parameters_ReturnParameters:
        self._set_of(command.advertising_handle)
        return super().on_hci_le_set_extended_advertising_parameters_command(command)

    def on_hci_le_set_advertising_set_random_address_command(
        self, command: hci.HCI_LE_Set_Advertising_Set_Random_Address_Command
    ) -> hci.HCI_StatusReturnParameters:
        self._set_of(command.advertising_handle)
        return super().on_hci_le_set_advertising_set_random_address_command(command)

    def _set_of(self, handle: int) -> None:
        if handle not in self.advertising_sets:
            self.advertising_sets[handle] = AirAdvertisingSet(controller=self, handle=handle)

    # Scanning

    def on_hci_le_set_scan_enable_command(
        self, command: hci.HCI_LE_Set_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        result = super().on_hci_le_set_scan_enable_command(command)
        self._scan(extended=False)
        return result

    def on_hci_le_set_extended_scan_parameters_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        self.le_scan_type = command.scan_types[0]
        self.le_scan_interval = command.scan_intervals[0]
        self.le_scan_window = command.scan_windows[0]
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    def on_hci_le_set_extended_scan_enable_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        result = super().on_hci_le_set_extended_scan_enable_command(command)
        self._scan(extended=True)
        return result

    def _scan(self, *, extended: bool) -> None:
        self._reports_extended = extended
        self._reported.clear()
        if self.le_scan_enable:
            self.air.listen(self.name, "scan", self.le_scan_interval * UNIT_S, self.le_scan_window * UNIT_S)
        else:
            self.air.stop_listening(self.name, "scan")

    def on_packet_heard(self, packet: Packet, rssi_dbm: float) -> None:
        """A packet arrived whole: report it to the host once, and connect if it is whom the host waits for."""
        if self.le_scan_enable:
            self._report(packet.kind, packet.sender, packet.data, rssi_dbm)
            if self.le_scan_type and packet.kind in {Kind.CONNECTABLE, Kind.SCANNABLE}:
                self._ask_for_more(packet, rssi_dbm)
        pending = self.pending_le_connection
        if pending and packet.kind is Kind.CONNECTABLE and pending.peer_address == packet.sender:
            self._heard = packet
            self.create_le_connection(packet.sender)

    def _ask_for_more(self, packet: Packet, rssi_dbm: float) -> None:
        # An active scan sends the scanner's address: what a camera must never do.
        own = self.random_address if self.le_scan_own_address_type else self.public_address
        self.air.overheard(Kind.SCAN_REQUEST, own, b"")
        response = packet.burst.advertiser.response
        self.air.overheard(Kind.SCAN_RESPONSE, packet.sender, response)
        self._report(Kind.SCAN_RESPONSE, packet.sender, response, rssi_dbm)

    def _report(self, kind: Kind, sender: hci.Address, data: bytes, rssi_dbm: float) -> None:
        if self.filter_duplicates and self._is_duplicate((bytes(sender), data, kind)):
            return
        rssi = max(-127, min(20, round(rssi_dbm)))
        if self._reports_extended:
            self.send_hci_packet(_Extended([_extended_report(kind, sender, data, rssi)]))
        else:
            report = _Legacy.Report(_LEGACY_EVENTS[kind], sender.address_type, sender, data, rssi)
            self.send_hci_packet(_Legacy([report]))

    def _is_duplicate(self, report: tuple[bytes, bytes, Kind]) -> bool:
        if report in self._reported:
            self._reported.move_to_end(report)
            return True
        self._reported[report] = None
        if len(self._reported) > DUPLICATES_KEPT:
            self._reported.popitem(last=False)
        return False

    # Connections

    def on_hci_le_create_connection_command(self, command: hci.HCI_LE_Create_Connection_Command) -> None:
        super().on_hci_le_create_connection_command(command)
        if self.pending_le_connection is command:
            self._initiate(command.le_scan_interval, command.le_scan_window)

    def on_hci_le_extended_create_connection_command(
        self, command: hci.HCI_LE_Extended_Create_Connection_Command
    ) -> None:
        super().on_hci_le_extended_create_connection_command(command)
        if self.pending_le_connection is command:
            self._initiate(command.scan_intervals[0], command.scan_windows[0])

    def _initiate(self, interval: int, window: int) -> None:
        self.air.listen(self.name, "initiate", interval * UNIT_S, window * UNIT_S)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        if (pending := self.pending_le_connection) is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        self.air.stop_listening(self.name, "initiate")
        # The host hears of the cancellation as of a connection that failed (7.8.13).
        asyncio.get_running_loop().call_soon(self._say_cancelled, pending.peer_address)
        return super().on_hci_le_create_connection_cancel_command(command)

    def _say_cancelled(self, peer: hci.Address) -> None:
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=peer.address_type,
                peer_address=peer,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )

    def send_advertising_pdu(self, packet: ll.AdvertisingPdu) -> None:
        """Only CONNECT_IND comes this way; advertising goes by the link's bursts."""
        if isinstance(packet, ll.ConnectInd) and self._heard is not None:
            self.air.stop_listening(self.name, "initiate")
            self.air.connect(self, packet, self._heard)
            self._heard = None

    def own_addresses(self) -> dict[hci.Address, hci.Address]:
        return {peer: connection.self_address for peer, connection in self.le_connections.items()}

    def on_supervision_timeout(self, peer: hci.Address) -> None:
        if connection := self.le_connections.get(peer):
            self.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)


def _extended_report(kind: Kind, sender: hci.Address, data: bytes, rssi: int) -> "_Extended.Report":
    return _Extended.Report(
        event_type=_EXTENDED_EVENTS[kind],
        address_type=sender.address_type,
        address=sender,
        primary_phy=hci.Phy.LE_1M,
        secondary_phy=0,
        advertising_sid=_Extended.NO_ADI_FIELD_PROVIDED,
        tx_power=_Extended.TX_POWER_INFORMATION_NOT_AVAILABLE,
        rssi=rssi,
        periodic_advertising_interval=0,
        direct_address_type=0,
        direct_address=hci.Address.ANY,
        data=data,
    )


class QuietHost(Host):
    """bumble's host without a formatted log line for every packet, which costs more than handling it."""

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.hci_sink:
            self.hci_sink.on_packet(bytes(packet))

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if isinstance(packet, hci.HCI_Event):
            self.on_hci_event_packet(packet)
        elif isinstance(packet, hci.HCI_AclDataPacket):
            self.on_hci_acl_data_packet(packet)
