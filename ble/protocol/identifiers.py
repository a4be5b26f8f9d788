"""Whose beacon is it: rotating identifiers, the keys that they come from, and a camera's dictionary of them.

A camera works out the identifiers of a pairing's next 256 counters beforehand, so that a packet costs it one look-up
and a foreign packet nothing more. It keeps those of the last 64 as well, to know an old beacon from a foreign one.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ble.protocol.beacon import IDENTIFIER_BYTES, KEY_BYTES, LAST_COUNTER, Kind

AHEAD: Final = 256
BEHIND: Final = 64
EPOCH: Final = 256
# The farthest that a Taser's signed log may move a window: sixty times what a Taser's log holds.
FARTHEST: Final = 1_000_000

_NEXT_BEACON: Final = b"fleet ble 1 next K_beacon"
_NEXT_IDENTIFIER: Final = b"fleet ble 1 next K_id"


_ALL_SEEN: Final = (1 << BEHIND) - 1


class KeyErased(Exception):
    """The counter belongs to an epoch whose keys are gone."""


class OutOfReach(Exception):
    """The counter is farther away than a log could account for."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A pairing's two keys in one epoch of 256 counters.

    Both go forward together: whoever seizes a device must not tell its past by the identifiers, and with the beacon's
    key alone could tell it by trying to unseal what was recorded.
    """

    epoch: int
    beacon: bytes = field(repr=False)
    identifier: bytes = field(repr=False)

    def next(self) -> "Keys":
        """The keys of the epoch after this one (HKDF-SHA-256, RFC 5869, without salt); there is no way back."""
        return Keys(self.epoch + 1, _ratchet(self.beacon, _NEXT_BEACON), _ratchet(self.identifier, _NEXT_IDENTIFIER))

    def at(self, epoch: int) -> "Keys":
        """The keys of this epoch or of a later one.

        Raises:
            KeyErased: the epoch is an earlier one.
        """
        if epoch < self.epoch:
            raise KeyErased
        keys = self
        while keys.epoch < epoch:
            keys = keys.next()
        return keys


def epoch_of(start: int, counter: int) -> int:
    """In which epoch of a pairing that began at ``start`` a counter lies; epoch 0 begins with the pairing."""
    return (counter - start) // EPOCH


def identifier(key: bytes, counter: int) -> bytes:
    """A counter's six bytes on the air under ``K_id`` of its epoch."""
    return hmac.digest(key, counter.to_bytes(8, "big"), "sha256")[:IDENTIFIER_BYTES]


@dataclass(frozen=True, slots=True)
class Event:
    """What a camera knows of a counter that it has accepted: what happened, and when by the camera's own clock."""

    counter: int
    kind: Kind
    at_ms: int


@dataclass(frozen=True, slots=True)
class WindowState:
    """What a camera stores of a pairing, whole and at once.

    ``highest`` is the highest counter accepted, ``start`` − 1 before the first. Bit *i* of ``seen`` says whether
    ``highest`` − *i* was. ``past`` are the identifiers of the last counters up to ``highest``, at most 64, oldest
    first; they outlive their key. ``before`` is ``K_beacon`` of the epoch before ``keys``, as long as one of those
    counters lies there. ``offset_s`` is the Taser's clock minus the camera's.
    """

    pairing: bytes
    start: int
    highest: int
    seen: int
    past: tuple[bytes, ...]
    keys: Keys
    before: bytes | None = field(repr=False)
    events: tuple[Event, ...]
    offset_s: int


def first_state(pairing: bytes, keys: Keys, start: int, offset_s: int = 0) -> WindowState:
    """What a camera stores of a pairing that was just agreed; ``start`` is the Taser's next counter."""
    return WindowState(pairing, start, start - 1, 0, (), keys, None, (), offset_s)


@dataclass(frozen=True, slots=True)
class Change:
    """The identifiers that a sliding window took in and let go."""

    made: Sequence[bytes] = ()
    dropped: Sequence[bytes] = ()


class Window:
    """One pairing's counters on a camera: which are awaited, which were had, and under which keys.

    It spans at most three epochs: that of the next counter, of which it holds both keys; the one after, worked out
    from it; and the one before, of which it holds ``K_beacon`` while one of the last 64 counters lies there.
    """

    __slots__ = (
        "_before",
        "_first",
        "_identifiers",
        "_keys",
        "_making",
        "events",
        "highest",
        "offset_s",
        "pairing",
        "seen",
        "start",
    )

    def __init__(self, state: WindowState) -> None:
        self.pairing = state.pairing
        self.start = state.start
        self.highest = state.highest
        self.seen = state.seen
        self.offset_s = state.offset_s
        self.events = {event.counter: event for event in state.events}
        self._keys = state.keys.at(epoch_of(state.start, state.highest + 1))
        self._before = state.before
        self._identifiers = list(state.past)
        self._first = state.highest + 1 - len(state.past)
        self._making = self._keys
        self._make()

    @property
    def identifiers(self) -> Sequence[bytes]:
        """Of the last 64 counters and the next 256, in order."""
        return self._identifiers

    def state(self) -> WindowState:
        past = tuple(self._identifiers[: self.highest + 1 - self._first])
        events = tuple(self.events.values())
        return WindowState(
            self.pairing, self.start, self.highest, self.seen, past, self._keys, self._before, events, self.offset_s
        )

    def counter_of(self, wanted: bytes) -> int:
        """The counter that an identifier of this window stands for; ValueError when it is none of this window's."""
        return self._first + self._identifiers.index(wanted)

    def beacon_key(self, counter: int) -> bytes:
        """``K_beacon`` for a counter of this window.

        Raises:
            KeyErased: it lies behind what is still kept.
        """
        epoch = epoch_of(self.start, counter)
        if epoch == self._keys.epoch - 1 and self._before is not None:
            return self._before
        return self._keys.at(epoch).beacon

    def had(self, counter: int) -> bool:
        """Whether this counter was accepted before; what lies 64 or more behind counts as had."""
        back = self.highest - counter
        return back >= BEHIND or (back >= 0 and bool(self.seen >> back & 1))

    def accept(self, event: Event) -> Change:
        """Marks a verified event as had, and slides if it is the highest."""
        change = self._slide(event.counter)
        self.seen |= 1 << (self.highest - event.counter)
        self.events[event.counter] = event
        return change

    def level(self, counter: int) -> Change:
        """Goes on behind ``counter``, as the Taser's signed log tells everything up to it; never back.

        Raises:
            OutOfReach: it is more than a million ahead.
        """
        if counter > min(self.highest + FARTHEST, LAST_COUNTER - AHEAD):
            raise OutOfReach
        change = self._slide(counter)
        if counter == self.highest:
            self.seen = _ALL_SEEN
        return change

    def _slide(self, counter: int) -> Change:
        if counter <= self.highest:
            return Change()
        held = self._identifiers
        self.seen = (self.seen << min(counter - self.highest, BEHIND)) & _ALL_SEEN
        self.highest = counter
        self.events = {past: event for past, event in self.events.items() if counter - past < BEHIND}
        first = max(self.start, counter + 1 - BEHIND)
        kept = held[first - self._first :]
        dropped = held[: first - self._first]
        self._first, self._identifiers = first, kept
        made = self._make()
        self._erase_keys()
        return Change(made, dropped)

    def _make(self) -> list[bytes]:
        """Works out the identifiers that the window lacks at its end, and turns the keys as it comes to them."""
        made = []
        for counter in range(self._first + len(self._identifiers), min(self.highest + AHEAD, LAST_COUNTER) + 1):
            self._making = self._making.at(epoch_of(self.start, counter))
            made.append(identifier(self._making.identifier, counter))
        self._identifiers += made
        return made

    def _erase_keys(self) -> None:
        """Lets go of every key that no awaited counter and none of the last 64 needs."""
        epoch = epoch_of(self.start, self.highest + 1)
        if epoch > self._keys.epoch:
            self._before = self._keys.at(epoch - 1).beacon
            self._keys = self._keys.at(epoch)
        if epoch_of(self.start, self._first) == epoch:
            self._before = None


class Dictionary:
    """The identifiers of all of a camera's pairings, by which it knows its own beacons among everybody's."""

    def __init__(self) -> None:
        self.windows: dict[bytes, Window] = {}
        self._owner: dict[bytes, Window] = {}
        # An identifier that two pairings share, once in some thousand cameras of a thousand pairings each.
        self._shared: dict[bytes, list[Window]] = {}

    def __len__(self) -> int:
        return len(self._owner)

    def add(self, window: Window) -> None:
        """Adds a pairing, in place of the one of the same name if there is one."""
        self.remove(window.pairing)
        self.windows[window.pairing] = window
        self._put(window, window.identifiers)

    def remove(self, pairing: bytes) -> None:
        window = self.windows.pop(pairing, None)
        if window is not None:
            self._take(window, window.identifiers)

    def change(self, window: Window, change: Change) -> None:
        """Follows a window that slid."""
        self._take(window, change.dropped)
        self._put(window, change.made)

    def knows(self, wanted: bytes) -> bool:
        return wanted in self._owner

    def owners(self, wanted: bytes) -> Sequence[Window]:
        """Every window in which this identifier stands: none for a foreign one, and hardly ever more than one."""
        owner = self._owner.get(wanted)
        if owner is None:
            return ()
        return (owner, *self._shared.get(wanted, ()))

    def _put(self, window: Window, identifiers: Iterable[bytes]) -> None:
        for one in identifiers:
            if self._owner.setdefault(one, window) is not window:
                self._shared.setdefault(one, []).append(window)

    def _take(self, window: Window, identifiers: Iterable[bytes]) -> None:
        for one in identifiers:
            others = self._shared.pop(one, [])
            if self._owner[one] is not window:
                others.remove(window)
            elif others:
                self._owner[one] = others.pop()
            else:
                del self._owner[one]
            if others:
                self._shared[one] = others


def _ratchet(key: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(key)
