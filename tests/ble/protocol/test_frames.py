"""Frames: every message comes through whole, and nothing that was lost, doubled or moved goes unnoticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.frames import MESSAGE_LIMIT, Assembler, Fragmenter, FrameError

_MESSAGES = st.lists(st.binary(min_size=1, max_size=900), min_size=1, max_size=6)
_SIZES = st.integers(20, 514)


def _feed(assembler: Assembler, frames: list[bytes]) -> list[bytes]:
    return [message for message in map(assembler.feed, frames) if message is not None]


@given(_MESSAGES, _SIZES)
def test_messages_come_through_whole_and_in_order(messages: list[bytes], size: int) -> None:
    fragmenter = Fragmenter()
    frames = [frame for message in messages for frame in fragmenter.cut(message, size)]

    assert all(len(frame) <= size for frame in frames)
    assert _feed(Assembler(), frames) == messages


@given(_MESSAGES, _SIZES, st.data())
def test_a_lost_frame_is_found_at_the_next_one(messages: list[bytes], size: int, data: st.DataObject) -> None:
    fragmenter = Fragmenter()
    frames = [frame for message in [*messages, b"last"] for frame in fragmenter.cut(message, size)]
    lost = data.draw(st.integers(0, len(frames) - 2))

    assembler = Assembler()
    _feed(assembler, frames[:lost])
    with pytest.raises(FrameError):
        assembler.feed(frames[lost + 1])


@given(_MESSAGES, _SIZES, st.data())
def test_a_doubled_frame_is_found(messages: list[bytes], size: int, data: st.DataObject) -> None:
    fragmenter = Fragmenter()
    frames = [frame for message in messages for frame in fragmenter.cut(message, size)]
    doubled = data.draw(st.integers(0, len(frames) - 1))

    assembler = Assembler()
    _feed(assembler, frames[: doubled + 1])
    with pytest.raises(FrameError):
        assembler.feed(frames[doubled])


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_garbage_raises_its_own_error_only(frames: list[bytes]) -> None:
    assembler = Assembler()
    try:
        for message in _feed(assembler, frames):
            assert 0 < len(message) <= MESSAGE_LIMIT
    except FrameError:
        pass


@pytest.mark.parametrize("message", [b"", b"x" * (MESSAGE_LIMIT + 1)])
def test_a_message_has_bounds(message: bytes) -> None:
    with pytest.raises(FrameError):
        Fragmenter().cut(message, 100)
