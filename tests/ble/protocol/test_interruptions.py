"""Every message of a pairing lost, doubled, late, truncated, altered; every write and every answer cut off by power.

What there is to interrupt is counted from the two sides' tables: each row on the way from the greeting to the receipts
is one message to the device and one from it. After each interruption the devices are sound (whatever the Taser holds,
the camera holds too, with the same keys), and one more contact ends with both paired and their receipts in hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble.protocol.cose import PrivateKey
from ble.protocol.messages import Message
from ble.protocol.pairing import CAMERA, TASER, CameraState, TaserState
from ble.protocol.permits import LIFETIME_S, Purpose
from ble.protocol.relay import Action, Agreed, NeedPermit, Side
from ble.protocol.steps import Move
from tests.ble.protocol.parties import Interrupted, Pair, Station, new_pair


def _way(table: Mapping[tuple[Enum, type[Message]], Move], start: Enum, end: Enum) -> list[type[Message]]:
    """The messages that lead from one state to the other, by the shortest way."""
    ways: dict[Enum, list[type[Message]]] = {start: []}
    while end not in ways:
        for (state, kind), move in table.items():
            if state in ways and move.to not in ways:
                ways[move.to] = [*ways[state], kind]
    return ways[end]


TO_TASER = _way(TASER, TaserState.CLOSED, TaserState.AGREED)
TO_CAMERA = _way(CAMERA, CameraState.CLOSED, CameraState.AGREED)
MESSAGES = 2 * (len(TO_TASER) + len(TO_CAMERA))


@dataclass(frozen=True)
class Carried:
    """One message of an undisturbed pairing: which link, which direction, the how manieth on that link and way."""

    side: Side
    direction: str
    number: int


def _undisturbed(pair: Pair) -> list[Carried]:
    carried: list[Carried] = []

    def wire(side: Side, direction: str, data: bytes) -> list[bytes]:
        number = sum(1 for one in carried if (one.side, one.direction) == (side, direction))
        carried.append(Carried(side, direction, number))
        return [data]

    pair.station.wire = wire
    pair.station.pair()
    return carried


CARRIED = _undisturbed(new_pair())
FAULTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "lost": lambda _: [],
    "doubled": lambda data: [data, data],
    "late": lambda data: [data],
    "too late": lambda data: [data],
    "truncated to nothing": lambda _: [b""],
    "truncated to half": lambda data: [data[: len(data) // 2]],
    "truncated by one": lambda data: [data[:-1]],
    "longer by one": lambda data: [data + b"\x00"],
    "altered at its beginning": lambda data: [bytes([data[0] ^ 1]) + data[1:]],
    "altered in the middle": lambda data: [_flipped(data, len(data) // 2)],
    "altered at its end": lambda data: [_flipped(data, len(data) - 1)],
}
DELAYS = {"late": 5.0, "too late": LIFETIME_S + 1.0}
SITUATIONS = {"first pairing": Purpose.PAIR, "re-key": Purpose.REKEY}
# Rows of the tables that store something: message 4 at the Taser; message 3 and the receipt at the camera.
WRITES = {Side.TASER: 1, Side.CAMERA: 2}
CUTS = [
    (side, what, number)
    for side, rows in ((Side.TASER, len(TO_TASER)), (Side.CAMERA, len(TO_CAMERA)))
    for what, count in (("receive", rows), ("write", WRITES[side]), ("send", rows))
    for number in range(1, count + 1)
]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _situation(purpose: Purpose) -> Pair:
    pair = new_pair()
    if purpose is Purpose.REKEY:
        pair.station.pair()
        pair.station.purpose, pair.station.known = purpose, frozenset(pair.taser_holds)
    for owner in (pair.taser, pair.camera):
        owner.done.clear()
    return pair


def _disturb(pair: Pair, at: int, fault: Callable[[bytes], list[bytes]], delay_s: float = 0.0) -> None:
    seen = -1

    def wire(_side: Side, _direction: str, data: bytes) -> list[bytes]:
        nonlocal seen
        seen += 1
        if seen != at:
            return [data]
        pair.taser.uptime_s += delay_s
        pair.camera.uptime_s += delay_s
        return fault(data)

    pair.station.wire = wire


def _attempt(pair: Pair) -> Agreed | None:
    try:
        return pair.station.pair()
    except Interrupted:
        return None


def _require_mended(pair: Pair) -> None:
    """One more contact, on which nothing goes wrong."""
    pair.station.wire = lambda _side, _direction, data: [data]
    pair.require_paired(pair.station.pair())


def _index(side: Side, direction: str, number: int) -> int:
    return CARRIED.index(Carried(side, direction, number))


# From the Taser's report on, its nonce ages; message 4 is the last thing that the permit's end can stop.
AGEING = range(_index(Side.TASER, "from", 2), _index(Side.TASER, "to", len(TO_TASER) - 1) + 1)
# The first message after which a device has stored anything: message 3 has reached the camera.
FIRST_STORED = _index(Side.CAMERA, "to", 5)


def test_the_messages_of_a_pairing_are_those_of_the_tables() -> None:
    print(f"\n{MESSAGES} messages, {len(FAULTS)} faults, {len(CUTS)} power cuts, {len(SITUATIONS)} situations:")
    interruptions = (MESSAGES * len(FAULTS) + len(CUTS)) * len(SITUATIONS)
    print(f"{interruptions} interruptions of a pairing")
    assert interruptions == 630
    assert len(CARRIED) == MESSAGES == 26
    for side, kinds in ((Side.TASER, TO_TASER), (Side.CAMERA, TO_CAMERA)):
        assert sum(1 for one in CARRIED if one.side is side) == 2 * len(kinds)
    assert len(CUTS) == 2 * (len(TO_TASER) + len(TO_CAMERA)) + 3 == 29


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_interrupted_pairing_is_sound_and_mended_by_one_more_contact(fault: str, situation: str) -> None:
    delay_s = DELAYS.get(fault, 0.0)
    for at in range(MESSAGES):
        pair = _situation(SITUATIONS[situation])
        before = pair.taser.stored, pair.camera.stored
        _disturb(pair, at, FAULTS[fault], delay_s)

        agreed = _attempt(pair)

        pair.require_sound()
        assert (agreed is not None) == (fault == "late" or (fault == "too late" and at not in AGEING)), CARRIED[at]
        if agreed is None and at < FIRST_STORED:
            assert before == (pair.taser.stored, pair.camera.stored)
        _require_mended(pair)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize(("side", "what", "number"), CUTS)
def test_a_power_cut_is_sound_and_mended_by_one_more_contact(
    side: Side, what: str, number: int, situation: str
) -> None:
    pair = _situation(SITUATIONS[situation])
    pair.station.owners[side].cut_at = what, number

    assert _attempt(pair) is None

    pair.require_sound()
    _require_mended(pair)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, MESSAGES - 1), st.integers(0, 700), st.integers(1, 255))
def test_no_byte_of_any_message_can_be_altered(at: int, byte: int, change: int) -> None:
    pair = _situation(Purpose.PAIR)

    def alter(data: bytes) -> list[bytes]:
        place = byte % len(data)
        return [data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]]

    _disturb(pair, at, alter)

    assert _attempt(pair) is None
    pair.require_sound()


@pytest.mark.parametrize("at", range(MESSAGES))
def test_a_message_kept_back_and_sent_into_the_next_connection_does_nothing(at: int) -> None:
    pair = _situation(Purpose.PAIR)
    kept: list[bytes] = []

    def keep(data: bytes) -> list[bytes]:
        kept.append(data)
        return []

    _disturb(pair, at, keep)
    assert _attempt(pair) is None
    before = pair.taser.stored, pair.camera.stored

    owner = pair.station.owners[CARRIED[at].side]
    owner.receive("a new connection", kept[0])
    owner.side.disconnected("a new connection")

    assert before == (pair.taser.stored, pair.camera.stored)
    _require_mended(pair)


def test_a_service_that_is_gone_before_the_permit_leaves_everything_as_it_was() -> None:
    pair = _situation(Purpose.PAIR)
    before = pair.taser.stored, pair.camera.stored
    pair.force.on = False

    assert _attempt(pair) is None

    assert before == (pair.taser.stored, pair.camera.stored)
    pair.force.on = True
    _require_mended(pair)


def test_a_service_that_is_gone_while_the_devices_agree_gets_the_same_receipts_at_the_next_contact() -> None:
    pair = _situation(Purpose.PAIR)
    pair.require_paired(pair.station.pair())
    held = dict(pair.taser_holds)

    another = Station(pair.force, pair.taser, pair.camera, PrivateKey.generate())
    pair.force.on = False

    pair.require_paired(another.pair())
    assert pair.taser_holds == held


def test_another_station_finishes_what_the_first_began() -> None:
    pair = _situation(Purpose.PAIR)
    _disturb(pair, _index(Side.TASER, "from", len(TO_TASER) - 1), FAULTS["lost"])
    assert _attempt(pair) is None
    held = dict(pair.taser_holds)
    assert held

    another = Station(pair.force, pair.taser, pair.camera, PrivateKey.generate())
    pair.require_paired(another.pair())
    assert pair.taser_holds == held
    assert len(pair.force.permits) == 1


def test_a_pairing_that_only_the_camera_prepared_is_gone_after_the_next() -> None:
    pair = _situation(Purpose.PAIR)
    _disturb(pair, _index(Side.TASER, "to", len(TO_TASER) - 1), FAULTS["lost"])
    assert _attempt(pair) is None
    orphan = set(pair.camera_holds)
    assert orphan
    assert not pair.taser_holds

    _require_mended(pair)
    assert not orphan & set(pair.camera_holds)


def test_a_permit_that_ends_while_the_service_thinks_is_refused() -> None:
    pair = _situation(Purpose.PAIR)

    def wait(action: Action) -> Action:
        if isinstance(action, NeedPermit):
            pair.taser.uptime_s += LIFETIME_S
        return action

    pair.station.before = wait
    assert _attempt(pair) is None
    assert not pair.taser_holds


_ATTEMPTS = st.lists(
    st.one_of(
        st.tuples(st.just("fault"), st.integers(0, MESSAGES - 1), st.sampled_from(sorted(FAULTS))),
        st.tuples(st.just("cut"), st.sampled_from(CUTS)),
        st.tuples(st.just("re-key")),
        st.tuples(st.just("wipe"), st.sampled_from(Side)),
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_ATTEMPTS)
def test_any_sequence_of_attempts_that_fail_is_mended_by_one_that_does_not(attempts: list[tuple[object, ...]]) -> None:
    pair = new_pair()
    fresh = {side: owner.stored for side, owner in pair.station.owners.items()}
    for what, *how in attempts:
        pair.station.wire = lambda _side, _direction, data: [data]
        for owner in pair.station.owners.values():
            owner.done.clear()
            owner.cut_at = "", 0
        match what, how:
            case "fault", [int(at), str(fault)]:
                _disturb(pair, at, FAULTS[fault], DELAYS.get(fault, 0.0))
            case "cut", [(side, where, number)]:
                pair.station.owners[side].cut_at = where, number
            case "re-key", _:
                pair.station.known = frozenset(pair.taser_holds)
                pair.station.purpose = Purpose.REKEY if pair.station.known else Purpose.PAIR
            case "wipe", [Side() as side]:
                pair.station.owners[side].stored, pair.station.owners[side].keys = fresh[side], {}
                pair.station.owners[side].restart()
        _attempt(pair)
        if ("wipe", Side.CAMERA) not in [attempt[:2] for attempt in attempts]:
            pair.require_sound()

    for owner in pair.station.owners.values():
        owner.cut_at = "", 0
    pair.station.purpose, pair.station.known = Purpose.PAIR, frozenset()
    _require_mended(pair)
