"""A device's signed report of itself, which the service believes and the station cannot change.

The nonce in it is the one that a permit must carry to be accepted, so an old report can win no permit that is of use.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from ble.protocol import cbor, claims
from ble.protocol.claims import Claim, ClaimError, Claims
from ble.protocol.cose import KEY_ID_SIZE, PrivateKey, PublicKey
from ble.protocol.credentials import Kind
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.permits import ID_SIZE, NONCE_SIZE

HELD_LIMIT: Final = 256
_REPORT: Final = "report"
_PERCENT = 100
_HELD = 3


class ReportError(ValueError):
    """A report does not hold."""


class Standing(StrEnum):
    """How far a pairing is on the device that holds it."""

    PREPARED = "prepared"
    AGREED = "agreed"


@dataclass(frozen=True)
class Held:
    """A pairing that a device holds: its id, the other device's agreement key's id, how far it is."""

    pairing: bytes
    peer: bytes
    standing: Standing


@dataclass(frozen=True)
class Vitals:
    """What a device measures of itself.

    Attributes:
        firmware: its version.
        encryption: of recordings; None where there are none (Taser).
        bluetooth: the level of this link as the device's own controller sees it.
        battery_percent: 0 to 100.
        clock: seconds since 1970 UTC; None when it was never set or lost power.
        counter: a Taser's activation counter; None elsewhere.
        taser: the serial of the X2 that an SPPM is fitted to; empty elsewhere.
    """

    firmware: str
    encryption: Encryption | None
    bluetooth: Bluetooth
    battery_percent: int
    clock: int | None
    counter: int | None = None
    taser: str = ""


@dataclass(frozen=True)
class Report:
    """What a device says of itself to one station, once.

    Attributes:
        kind: of the device.
        serial: its own; the SPPM's for a Taser.
        vitals: how it is.
        nonce: 16 bytes, fresh; a permit must carry it.
        station: the agreement key's id of the station that asked.
        epoch: of the trust that it holds.
        held: its pairings, or those with one device, the newest 256.
    """

    kind: Kind
    serial: str
    vitals: Vitals
    nonce: bytes
    station: bytes
    epoch: int
    held: tuple[Held, ...] = ()

    def sign(self, key: PrivateKey) -> bytes:
        """Signed by the device."""
        fields: dict[Claim, cbor.Value] = {
            Claim.KIND: self.kind.value,
            Claim.SUBJECT: self.serial,
            Claim.SERIAL: self.vitals.taser,
            Claim.FIRMWARE: self.vitals.firmware,
            Claim.BLUETOOTH: self.vitals.bluetooth.value,
            Claim.BATTERY: self.vitals.battery_percent,
            Claim.NONCE: self.nonce,
            Claim.STATION: self.station,
            Claim.EPOCH: self.epoch,
            Claim.PAIRINGS: [[one.pairing, one.peer, one.standing.value] for one in self.held],
        }
        if self.vitals.encryption is not None:
            fields[Claim.ENCRYPTION] = self.vitals.encryption.value
        if self.vitals.clock is not None:
            fields[Claim.CLOCK] = self.vitals.clock
        if self.vitals.counter is not None:
            fields[Claim.COUNTER] = self.vitals.counter
        return claims.sign(key, _REPORT, fields)

    @classmethod
    def read(cls, data: bytes, key: PublicKey) -> Self:
        """Read a report signed by ``key``, the signing key of the device's credential.

        Raises:
            ReportError: it is not signed by it, or malformed.
        """
        try:
            return cls._read(claims.verify(data, _REPORT, [key]))
        except ClaimError as error:
            raise ReportError(f"report: {error}") from error

    @classmethod
    def _read(cls, found: Claims) -> Self:
        return cls(
            kind=found.one_of(Claim.KIND, Kind),
            serial=found.text(Claim.SUBJECT),
            vitals=_read_vitals(found),
            nonce=found.bytes_(Claim.NONCE, NONCE_SIZE),
            station=found.bytes_(Claim.STATION, KEY_ID_SIZE),
            epoch=found.whole(Claim.EPOCH),
            held=tuple(_read_held(found)),
        )


def _read_vitals(found: Claims) -> Vitals:
    return Vitals(
        firmware=found.text(Claim.FIRMWARE, least=0),
        encryption=found.one_of(Claim.ENCRYPTION, Encryption) if Claim.ENCRYPTION in found.fields else None,
        bluetooth=found.one_of(Claim.BLUETOOTH, Bluetooth),
        battery_percent=found.whole(Claim.BATTERY, most=_PERCENT),
        clock=found.whole(Claim.CLOCK) if Claim.CLOCK in found.fields else None,
        counter=found.whole(Claim.COUNTER, most=2**63) if Claim.COUNTER in found.fields else None,
        taser=found.text(Claim.SERIAL, least=0),
    )


def _read_held(found: Claims) -> Iterable[Held]:
    for item in found.items(Claim.PAIRINGS, most=HELD_LIMIT):
        if not isinstance(item, list) or len(item) != _HELD:
            raise ClaimError("a held pairing is an id, a key id and a standing")
        one = Claims({Claim.ID: item[0], Claim.PEER: item[1], Claim.STANDING: item[2]})
        yield Held(
            one.bytes_(Claim.ID, ID_SIZE), one.bytes_(Claim.PEER, KEY_ID_SIZE), one.one_of(Claim.STANDING, Standing)
        )
