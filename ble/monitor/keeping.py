"""What a monitor keeps beside what its station keeps: its keys, what it hears by, and its companions.

All of it lies in the same file's journal, under a name that is no job's number, and is written in whole transactions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ble.protocol import cbor
from ble.protocol.beacon import Kind as EventKind
from ble.protocol.credentials import Kind
from ble.protocol.identifiers import Event, Keys, WindowState, first_state
from ble.protocol.memory import Memory
from ble.protocol.steps import Step
from ble.station.errors import NotEnrolled, StoreDamaged
from ble.station.store import Report, Store

JOURNAL: Final = "monitor"
FIRST_EPOCH: Final = 0
_MEMORY, _WINDOW, _COMPANION, _LAST = "memory", "window/", "companion/", "last/"
_BITMAP: Final = 32
_NUMBER: Final = 8
_GONE: Final = b""


@dataclass(frozen=True)
class Companion:
    """A camera that the monitor is the companion of: the pairing, its serial, the key for commands to it."""

    pairing: bytes
    serial: str
    key: bytes = field(repr=False)


class Keeping:
    """A monitor's part of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def memory(self) -> Memory:
        """Its own keys, credential and pairings.

        Raises:
            NotEnrolled: it has none yet.
            DamagedMemory: it cannot be read.
        """
        kept = self._store.fact(JOURNAL, _MEMORY)
        if kept is None:
            raise NotEnrolled("This monitor has no keys yet.", "Commission it first.")
        return Memory.decode(kept)

    def begin(self, name: str) -> Memory:
        """The memory, made with new keys under this name if there is none."""
        if self._store.fact(JOURNAL, _MEMORY) is None:
            self._put({_MEMORY: Memory.new(Kind.MONITOR, name).encode()})
        return self.memory()

    def carry_out(self, step: Step) -> None:
        """Store what a step of the protocol changed, in one write."""
        if step.write is None:
            return
        facts = {_MEMORY: step.write.encode()}
        for pairing in step.gone:
            facts |= {f"{what}{pairing.hex()}": _GONE for what in (_WINDOW, _COMPANION, _LAST)}
        for one in step.born:
            name = one.pairing.id.hex()
            if one.pairing.peer_kind is Kind.TASER:
                keys = Keys(FIRST_EPOCH, one.beacon_key, one.identifier_key)
                facts[_WINDOW + name] = encode(first_state(one.pairing.id, keys, one.pairing.start))
            else:
                facts[_COMPANION + name] = one.companion_key
        self._put(facts)

    def windows(self, memory: Memory) -> list[WindowState]:
        """What it hears each of its Tasers by."""
        found = ((one, self._fact(_WINDOW, one.id)) for one in memory.pairings if one.peer_kind is Kind.TASER)
        return [decode(kept) for _, kept in found if kept]

    def companions(self, memory: Memory) -> list[Companion]:
        """The cameras that it starts."""
        found = ((one, self._fact(_COMPANION, one.id)) for one in memory.pairings if one.peer_kind is Kind.CAMERA)
        return [Companion(one.id, one.peer_serial, key) for one, key in found if key]

    def heard(self, state: WindowState, report: Report | None) -> None:
        """Store where a Taser's counter is, with the alert of what was heard, in one write."""
        facts = {_WINDOW + state.pairing.hex(): encode(state)}
        self._store.put(*([report] if report else []), facts=facts, job=JOURNAL)

    def last(self, pairing: bytes) -> int:
        """The highest number of a command to this companion that may have been used."""
        return int.from_bytes(self._fact(_LAST, pairing) or b"")

    def reserve(self, pairing: bytes, number: int) -> None:
        """Have the store say that a number is used, before it is."""
        self._put({_LAST + pairing.hex(): number.to_bytes(_NUMBER)})

    def _fact(self, what: str, pairing: bytes) -> bytes | None:
        return self._store.fact(JOURNAL, what + pairing.hex())

    def _put(self, facts: Mapping[str, bytes]) -> None:
        self._store.put(facts=facts, job=JOURNAL)


def encode(state: WindowState) -> bytes:
    """A window as bytes."""
    keys = state.keys
    events: list[cbor.Value] = [[one.counter, int(one.kind), one.at_ms] for one in state.events]
    kept: list[cbor.Value] = [
        state.pairing, state.start, state.highest, state.seen.to_bytes(_BITMAP), list[cbor.Value](state.past),
        [keys.epoch, keys.beacon, keys.identifier], state.before, events, state.offset_s,
    ]  # fmt: skip
    return cbor.encode(kept)


def decode(kept: bytes) -> WindowState:
    """Read what ``encode`` wrote.

    Raises:
        StoreDamaged: it did not write this.
    """
    try:
        match cbor.decode(kept):
            case [bytes(pairing), int(start), int(highest), bytes(seen), list(past), [int(epoch), bytes(beacon),
                  bytes(identifier)], before, list(events), int(offset_s)]:  # fmt: skip
                return WindowState(
                    pairing, start, highest, int.from_bytes(seen), tuple(_bytes(past)),
                    Keys(epoch, beacon, identifier), before if isinstance(before, bytes) else None,
                    tuple(map(_event, events)), offset_s,
                )  # fmt: skip
    except ValueError as error:
        raise StoreDamaged(f"A window of this monitor: {error}.", "Pair the Taser with it anew.") from error
    raise StoreDamaged("A window of this monitor cannot be read.", "Pair the Taser with it anew.")


def _bytes(found: Iterable[cbor.Value]) -> Iterable[bytes]:
    for item in found:
        match item:
            case bytes():
                yield item
            case _:
                raise ValueError("no identifier")


def _event(found: cbor.Value) -> Event:
    match found:
        case [int(counter), int(kind), int(at_ms)]:
            return Event(counter, EventKind(kind), at_ms)
    raise ValueError("no event")
