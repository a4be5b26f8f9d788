"""Messages: each has one encoding, and nothing else is read."""

from dataclasses import fields
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import messages
from ble.protocol.messages import NUMBERS, Message, MessageError

_FIELDS = {
    int: st.integers(0, messages.NUMBER_LIMIT),
    bytes: st.binary(max_size=100),
    str: st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=messages.TEXT_LIMIT),
    tuple[bytes, ...]: st.lists(st.binary(max_size=20), max_size=20).map(tuple),
}


def _of(kind: type[Message]) -> st.SearchStrategy[Message]:
    hints = get_type_hints(kind)
    return st.builds(kind, *(_FIELDS[hints[item.name]] for item in fields(kind)))


@given(st.sampled_from(list(NUMBERS)).flatmap(_of))
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert messages.decode(messages.encode(message)) == message


@given(st.binary(max_size=100))
def test_garbage_raises_its_own_error_only(data: bytes) -> None:
    try:
        message = messages.decode(data)
    except MessageError:
        return
    assert messages.encode(message) == data


@pytest.mark.parametrize("data", ["8118 63".replace(" ", ""), "80", "00", "81f5", "8203f5", "820441ff"])
def test_an_unknown_or_misshapen_message_is_refused(data: str) -> None:
    with pytest.raises(MessageError):
        messages.decode(bytes.fromhex(data))


def test_every_message_has_a_number_of_its_own() -> None:
    assert len(set(NUMBERS.values())) == len(NUMBERS)
