"""The station's table: whatever has no row ends the attempt, and nothing is asked of anybody after it."""

from typing import get_args

import pytest

from ble.protocol import messages
from ble.protocol.messages import Answer, Refused
from ble.protocol.relay import PAIR, PairRelay, Refusal, RelayError, RelayState, Side
from ble.protocol.session import Identified

ANSWERS = get_args(Answer)
SAMPLES = {kind: messages.decode(messages.encode(message)) for kind, message in (
    (messages.Reported, messages.Reported(b"c", b"r")), (messages.Ready, messages.Ready()),
    (messages.Relay, messages.Relay(b"m")), (messages.Receipt, messages.Receipt(b"r")),
    (messages.Enrol, messages.Enrol(b"a", b"s", b"r")), (messages.Entries, messages.Entries((), 0)),
    (messages.Done, messages.Done()), (messages.Refused, messages.Refused("full", "4")),
)}  # fmt: skip
WITHOUT_ROW = [
    (state, side, kind) for state in RelayState for side in Side for kind in ANSWERS if (state, side, kind) not in PAIR
]


def _nobody(_side: Side, _answer: messages.Reported) -> Identified:
    raise AssertionError("nobody is to be identified")


def _relay(state: RelayState) -> PairRelay:
    relay = PairRelay(_nobody)
    relay.state = state
    return relay


def test_every_answer_is_tried_in_every_state() -> None:
    assert set(SAMPLES) == set(ANSWERS)
    assert len(WITHOUT_ROW) + len(PAIR) == len(RelayState) * len(Side) * len(ANSWERS)


@pytest.mark.parametrize(("state", "side", "kind"), WITHOUT_ROW)
def test_an_answer_without_a_row_ends_the_attempt(state: RelayState, side: Side, kind: type[Answer]) -> None:
    relay = _relay(state)

    with pytest.raises(Refusal if kind is Refused else RelayError):
        relay.receive(side, SAMPLES[kind])
    assert relay.state is RelayState.FAILED
    with pytest.raises(RelayError):
        relay.permitted(b"permit")


@pytest.mark.parametrize("state", [state for state in RelayState if state is not RelayState.PERMIT])
def test_a_permit_is_taken_only_when_it_was_asked_for(state: RelayState) -> None:
    with pytest.raises(RelayError, match="a permit while"):
        _relay(state).permitted(b"permit")


def test_a_refusal_names_the_device_and_its_reason() -> None:
    with pytest.raises(Refusal, match="camera: full: 4"):
        _relay(RelayState.READY).receive(Side.CAMERA, Refused("full", "4"))
