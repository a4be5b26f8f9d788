"""A device's memory, as it is stored and read again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Kind, Trust
from ble.protocol.memory import DamagedMemory, Memory, Pairing
from ble.protocol.pairing import agreed, settled
from ble.protocol.reports import Standing

SIGNER = PrivateKey.generate().public
TRUST = Trust((SIGNER,), (SIGNER, SIGNER), epoch=3, issued_at=5, revoked=frozenset({b"revoked!"}))
NEW = Memory.new(Kind.CAMERA, "BW2-0001")

_STANDINGS = st.sampled_from(Standing)
_PAIRINGS = st.builds(
    Pairing, st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32),
    st.sampled_from([b"taser--1", b"taser--2"]), st.sampled_from(Kind), st.just("SP-1"),
    st.just(SIGNER), st.integers(0, 2**63), st.binary(min_size=16, max_size=16), _STANDINGS,
)  # fmt: skip
_MEMORIES = st.builds(
    lambda pairings, trust, credential: replace(NEW, pairings=tuple(pairings), trust=trust, credential=credential),
    st.lists(_PAIRINGS, max_size=5, unique_by=lambda one: one.id), st.none() | st.just(TRUST), st.binary(max_size=40),
)  # fmt: skip


@given(_MEMORIES)
def test_what_is_stored_is_read_again(memory: Memory) -> None:
    assert Memory.decode(memory.encode()) == memory


@given(_MEMORIES, st.integers(0, 2_000), st.binary(max_size=9))
def test_damaged_memory_is_known_as_such_or_reads_as_another(memory: Memory, at: int, damage: bytes) -> None:
    stored = memory.encode()
    place = at % len(stored)
    damaged = stored[:place] + damage + stored[place + len(damage) :]
    try:
        assert Memory.decode(damaged).encode() == damaged
    except DamagedMemory:
        assert damaged != stored


@given(st.binary(max_size=200))
def test_garbage_is_no_memory(data: bytes) -> None:
    with pytest.raises(DamagedMemory):
        Memory.decode(data)


def _held(*standings: tuple[bytes, Standing]) -> Memory:
    memory = NEW
    for name, standing in standings:
        pairing = Pairing(name * 16, b"h" * 32, b"taser--1", Kind.TASER, "SP-1", SIGNER, 0, b"c" * 16, standing)
        memory = memory.with_pairing(pairing)
    return memory


def _names(memory: Memory) -> dict[bytes, Standing]:
    return {one.id[:1]: one.standing for one in memory.pairings}


A, P = Standing.AGREED, Standing.PREPARED


def test_a_newer_pairing_that_is_agreed_takes_the_place_of_the_older() -> None:
    memory = _held((b"1", A), (b"2", P))
    pairing = memory.pairing(b"2" * 16)
    assert pairing is not None

    assert _names(agreed(memory, pairing)) == {b"2": A}


def test_an_old_receipt_does_not_take_away_what_is_being_prepared() -> None:
    memory = _held((b"1", A), (b"2", P))
    pairing = memory.pairing(b"1" * 16)
    assert pairing is not None

    assert agreed(memory, pairing) == memory


@pytest.mark.parametrize(
    ("held", "left"),
    [(b"1" * 16, {b"1": A}), (b"2" * 16, {b"2": A}), (b"", {}), (b"9" * 16, {})],
)
def test_what_a_taser_proves_to_hold_decides_between_the_pairings_with_it(held: bytes, left: object) -> None:
    assert _names(settled(_held((b"1", A), (b"2", P)), b"taser--1", held)) == left


def test_what_one_taser_holds_says_nothing_of_the_pairings_with_another() -> None:
    memory = _held((b"1", A), (b"2", P))

    assert settled(memory, b"taser--2", b"1" * 16) == memory
