"""The companion's commands: of this pair, in order, each once; and an address that only the pair can tell."""

import pytest
from bumble import crypto
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import companion
from ble.protocol.beacon import Kind
from ble.protocol.companion import Camera, CompanionError, Keys, Monitor, Start

KEYS = Keys(bytes(range(16)))
START = Start("SPPM-0001", 4711, Kind.TRIGGER, 1_527_854_400_123)


def test_a_command_arrives_and_its_answer_returns() -> None:
    monitor, camera = Monitor(KEYS, 0), Camera(KEYS, 0)
    assert camera.read(monitor.command(START, 7)) == START
    assert (monitor.last, camera.last) == (7, 7)
    assert monitor.answered(camera.answer(recording=True)) == (7, True)


def test_a_command_counts_once_and_only_forward() -> None:
    monitor, camera = Monitor(KEYS, 0), Camera(KEYS, 0)
    first, second = monitor.command(START, 1), monitor.command(START, 2)
    camera.read(second)
    for old in (first, second):
        with pytest.raises(CompanionError):
            camera.read(old)
    assert camera.last == 2


def test_the_monitor_never_uses_a_number_twice() -> None:
    monitor = Monitor(KEYS, 5)
    with pytest.raises(CompanionError):
        monitor.command(START, 5)


def test_another_pairs_command_is_nothing() -> None:
    with pytest.raises(CompanionError):
        Camera(Keys(bytes(16)), 0).read(Monitor(KEYS, 0).command(START, 1))


def test_an_answer_is_no_command_and_a_command_no_answer() -> None:
    monitor, camera = Monitor(KEYS, 0), Camera(KEYS, 0)
    command = monitor.command(START, 1)
    camera.read(command)
    with pytest.raises(CompanionError):
        monitor.answered(command)
    with pytest.raises(CompanionError):
        Camera(KEYS, 0).read(camera.answer(recording=False))


@given(st.binary(max_size=200))
def test_garbage_is_refused_by_both_ends(data: bytes) -> None:
    with pytest.raises(CompanionError):
        Camera(KEYS, 0).read(data)
    with pytest.raises(CompanionError):
        Monitor(KEYS, 9).answered(data)


@given(st.binary(max_size=100))
def test_a_plain_text_that_is_no_command_is_refused(data: bytes) -> None:
    try:
        found = Start.decode(data)
    except CompanionError:
        return
    assert found.encode() == data


@given(st.integers(0, 8 * 60 - 1))
def test_a_changed_bit_is_found(bit: int) -> None:
    command = bytearray(Monitor(KEYS, 0).command(START, 1))
    command[(bit // 8) % len(command)] ^= 1 << bit % 8
    with pytest.raises(CompanionError):
        Camera(KEYS, 0).read(bytes(command))


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=3, max_size=3))
def test_an_address_is_what_a_bluetooth_stack_makes_and_tells(irk: bytes, prand: bytes) -> None:
    made = companion.address(irk, prand)
    assert made[0] >> 6 == 1
    assert made[3:] == crypto.ah(irk[::-1], made[2::-1])[::-1]
    assert companion.is_of(irk, made)


def test_the_hash_is_the_standards() -> None:
    # Core 5.4, Vol 3, Part H, appendix D.7.
    irk = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
    assert companion.address(irk, bytes.fromhex("708194")) == bytes.fromhex("7081940dfbaa")


def test_a_random_static_address_is_nobodys() -> None:
    made = companion.address(KEYS.irk, b"abc")
    assert not companion.is_of(KEYS.irk, bytes([made[0] | 0xC0]) + made[1:])
    assert not companion.is_of(KEYS.irk, companion.address(bytes(16), b"abc"))
