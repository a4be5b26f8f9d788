"""Devices without radio, with keys that a test can hold: what the tests of their behaviour are made of."""

from ble.devices.battery import Battery
from ble.devices.camera import Camera, Settings
from ble.devices.clock import Clock
from ble.devices.flash import Flash
from ble.devices.sppm import Sppm
from ble.devices.taser import Fired, Taser
from ble.devices.workshop import key
from ble.protocol.beacon import frame
from ble.protocol.credentials import Kind
from ble.protocol.memory import Memory, Pairing
from ble.protocol.reports import Standing
from ble.protocol.steps import Born

NOW_MS = 1_767_600_000_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
PEER = key(0, "peer")


def born(number: int = 1, start: int = 1, kind: Kind = Kind.CAMERA) -> Born:
    """A pairing as both sides of a handshake would store it."""
    pairing = Pairing(
        id=bytes([number]) * 16,
        permit=bytes(32),
        peer=bytes([number]) * 8,
        peer_serial=f"PEER{number}",
        peer_signing=PEER.public,
        start=start,
        check=bytes(16),
        standing=Standing.AGREED,
        peer_kind=kind,
    )
    return Born(pairing, bytes([number, 1]) * 8, bytes([number, 2]) * 8, bytes([number, 3]) * 8)


def memory(kind: Kind, serial: str) -> Memory:
    return Memory(kind, serial, key(0, f"{serial} a"), key(0, f"{serial} s"))


def sppm(serial: str = "SP1", percent: float = 100.0) -> Sppm:
    flash = Flash()
    flash.write({"memory": memory(Kind.TASER, serial), "counter": 1})
    return Sppm(serial, Battery(NOW_MS, percent), flash)


def hold(one: Sppm, *pairings: Born) -> None:
    """Store pairings as their handshakes would have."""
    kept = one.memory
    for pairing in pairings:
        kept = kept.with_pairing(pairing.pairing)
    one.remember(kept, pairings)


def taser(*pairings: Born, percent: float = 100.0) -> Taser:
    """An X2 with a battery that holds these pairings, its clock right."""
    made = Taser("X2", Clock(NOW_MS, NOW_MS))
    made.fit(NOW_MS, sppm(percent=percent))
    hold(fitted(made), *pairings)
    made.clock.set(NOW_MS, NOW_MS)
    return made


def fitted(made: Taser) -> Sppm:
    assert made.sppm is not None
    return made.sppm


def camera(*pairings: Born, settings: Settings | None = None, on: bool = True, percent: float = 100.0) -> Camera:
    """A camera that holds these pairings, its clock right, switched on unless told otherwise."""
    flash = Flash()
    flash.write({"memory": memory(Kind.CAMERA, "C1")})
    made = Camera("C1", Clock(NOW_MS, NOW_MS), Battery(NOW_MS, percent), flash, settings)
    kept = made.memory.identity
    for pairing in pairings:
        kept = kept.with_pairing(pairing.pairing)
    made.remember(kept, pairings)
    if on:
        made.switch_on(NOW_MS)
    return made


def data(fired: Fired, refresh: int = 0, slot: int = 0) -> bytes:
    """Advertising data of an event."""
    return frame(fired.beacons[slot].payload(refresh))
