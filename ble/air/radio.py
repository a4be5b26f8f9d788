"""The physics of legacy advertising that the pure model and the link for whole stacks share.

Chance is drawn by name and number, never by order: ``uniform(stream(seed, "loss", taser, camera), n)`` is the same
whoever asks for it and when, so that two simulations of one seed agree packet by packet.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

CHANNELS = 3
# ADV_NONCONN_IND and ADV_IND with 31 bytes of data on the 1M PHY, 8 µs a byte: preamble 1, access address 4, header 2,
# address 6, data, CRC 3 (Core 5.4, Vol 6, Part B, 2.1).
OVERHEAD_BYTES = 16
LONGEST_DATA = 31
BYTE_S = 8e-6
LONGEST_PDU_S = (OVERHEAD_BYTES + LONGEST_DATA) * BYTE_S
# From the start of a PDU to the start of the next channel's; the standard allows up to 10 ms (Part B, 4.4.2.2).
CHANNEL_STEP_S = LONGEST_PDU_S + 150e-6
# advDelay: a pseudo-random 0 to 10 ms added to every advertising event's interval (Part B, 4.4.2.2.1).
ADVERTISING_DELAY_S = 0.010

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def stream(seed: int, *names: str | int) -> int:
    """A named source of chance, as 64 bits for ``uniform``."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniform(source: int, n: int) -> float:
    """The ``n``-th number of a source, even in [0, 1): SplitMix64 (Steele, Lea and Flood 2014) at its n-th step."""
    z = (source + (n + 1) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def pdu_seconds(data_bytes: int) -> float:
    """How long an advertising PDU with this many bytes of data is on the air."""
    return (OVERHEAD_BYTES + data_bytes) * BYTE_S


def milliwatts(dbm: float) -> float:
    return float(10.0 ** (dbm / 10.0))


@dataclass(frozen=True, slots=True)
class Radio:
    """Log-distance path loss, a sensitivity, and what survives a collision.

    With these defaults a packet is heard to 10 m, the signal's range (30 ft), and no farther: the transmitter is
    turned down to the task. ``capture_db`` is by how much a packet must exceed the sum of those that it meets; None
    lets none survive. ``loss`` is the share of packets lost to everything else, each on its own.
    """

    transmit_dbm: float = -20.0
    loss_at_1m_db: float = 40.0
    exponent: float = 3.0
    sensitivity_dbm: float = -90.0
    # The co-channel interference ratio that every receiver must stand (Core 5.4, Vol 6, Part A, 4.2).
    capture_db: float | None = 21.0
    loss: float = 0.0

    def rssi(self, distance_m: float) -> float:
        """Received power in dBm; nearer than 10 cm counts as 10 cm."""
        return self.transmit_dbm - self.loss_at_1m_db - 10.0 * self.exponent * math.log10(max(distance_m, 0.1))

    def audible(self, rssi_dbm: float) -> bool:
        # A distance of exactly the range must not hang on the last bit of a logarithm.
        return rssi_dbm >= self.sensitivity_dbm - 1e-9

    def survives(self, signal_mw: float, interferers_mw: Iterable[float]) -> bool:
        """Whether a packet is read although others were on its channel while it was."""
        interference = sum(interferers_mw)
        if interference == 0.0:
            return True
        if self.capture_db is None:
            return False
        return signal_mw >= interference * milliwatts(self.capture_db)


@dataclass(frozen=True, slots=True)
class Scan:
    """When a scanner listens, and on which of the three channels: one an interval, in turn (Part B, 4.4.3)."""

    interval_s: float
    window_s: float
    phase_s: float

    def channel(self, start: float, end: float) -> int | None:
        """The channel that it listens to for the whole of ``start`` to ``end``; None when it does not."""
        turn, into = divmod(start + self.phase_s, self.interval_s)
        if into + (end - start) > self.window_s:
            return None
        return int(turn) % CHANNELS


def scan(seed: int, receiver: str, interval_s: float, window_s: float) -> Scan:
    """A receiver's scan at its own phase, anywhere in the round of three channels."""
    return Scan(interval_s, window_s, uniform(stream(seed, "phase", receiver), 0) * CHANNELS * interval_s)


def advertising_delay(delays: int, n: int) -> float:
    """The delay before advertising event ``n`` + 1, from the source ``stream(seed, "delay", advertiser, burst)``.

    Event 0 starts at once; event n + 1 starts one interval and this delay after event n.
    """
    return uniform(delays, n) * ADVERTISING_DELAY_S


def packet_number(event: int, channel: int) -> int:
    """The number under which a packet's loss is drawn from ``stream(seed, "loss", advertiser, burst, receiver)``."""
    return event * CHANNELS + channel
