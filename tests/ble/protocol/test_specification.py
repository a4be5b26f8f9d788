"""docs/protocol.md says what the code does: its tables are compared with the code's, row by row."""

import json
import re
from dataclasses import fields
from enum import Enum
from pathlib import Path

import pytest

from ble.protocol import labels, messages, profile
from ble.protocol.claims import Claim
from ble.protocol.device import IDLE_S
from ble.protocol.frames import MESSAGE_LIMIT
from ble.protocol.pairing import CAMERA, CAMERA_ROOM, TASER, TASER_ROOM
from ble.protocol.permits import LIFETIME_S
from ble.protocol.steps import Refusal
from tests.ble.protocol.vectors import FILE

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")]
ANYTIME = set(
    re.findall(r"`(\w+)`", TEXT.split("Rows that any open session has")[1].split("Everything that has no")[0])
)


def _chapter(number: str) -> str:
    return TEXT.split(f"\n## {number}")[1].split("\n## ")[0]


@pytest.mark.parametrize("kind", messages.NUMBERS, ids=lambda kind: kind.__name__)
def test_every_message_is_there_with_its_number_and_fields(kind: type[messages.Message]) -> None:
    (row,) = [row for row in ROWS if len(row) == 5 and row[1] == f"`{kind.__name__}`"]

    assert int(row[0]) == messages.NUMBERS[kind]
    assert [name.split()[0] for name in row[2].split(",") if name] == [item.name for item in fields(kind)]


def test_every_claim_of_pairing_is_there_with_its_number() -> None:
    written: dict[str, int] = {}
    for row in ROWS:
        if len(row) == 3 and re.fullmatch(r"[a-z_, ]+", row[0]) and re.fullmatch(r"[-\d, ]+", row[1]):
            names, numbers = row[0].split(", "), row[1].split(", ")
            written |= dict(zip(names, map(int, numbers), strict=True))
    # From -65601 on they are of the statements about activations; the standing is in no signed message by itself.
    ours = {claim.name.lower(): claim.value for claim in Claim if claim > -65600 and claim is not Claim.STANDING}

    assert written == ours


def test_every_label_is_there() -> None:
    chapters = _chapter("7.") + _chapter("9.")
    for name, value in vars(labels).items():
        if isinstance(value, int):
            assert re.search(rf"(\| {value} \||label {value},)", chapters), name
    assert labels.CONTEXT.decode() in chapters


def test_every_uuid_is_there_with_its_properties() -> None:
    for service in (profile.PAIRING, profile.COMPANION):
        assert f"`{service.uuid}` | primary" in TEXT
        for characteristic in service.characteristics:
            (properties,) = characteristic.properties
            assert characteristic.encrypted
            assert f"`{characteristic.uuid}` | {properties}; encrypted link" in TEXT


def _written(side: str) -> set[tuple[str, str, str]]:
    table = TEXT.split(f"| {side} in | gets | leads to |")[1].split("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {(state.strip(), kind, to) for states, kind, to in rows for state in states.split(",")}


@pytest.mark.parametrize(("side", "table"), [("Taser", TASER), ("camera", CAMERA)])
def test_both_state_machines_are_there_row_by_row(side: str, table: dict[tuple[Enum, type], object]) -> None:
    rows = {(state.name, kind.__name__, move.to.name) for (state, kind), move in table.items()}
    anytime = {row for row in rows if row[1] in ANYTIME and row[0] == row[2]}

    assert rows - anytime == _written(side)
    open_states = {state for state, _, _ in anytime}
    assert anytime == {(state, kind, state) for state in open_states for kind in ANYTIME}


def test_every_reason_to_refuse_is_there() -> None:
    written = TEXT.split("Reasons: ")[1].split("\n\n")[0]

    assert re.findall(r"`([a-z-]+)`", written) == [reason.value for reason in Refusal]


def test_the_limits_are_there() -> None:
    assert f"1 to {MESSAGE_LIMIT:,} bytes" in TEXT
    assert f"at most {LIFETIME_S} s later" in TEXT
    assert f"silent for\n{IDLE_S:.0f} s" in TEXT
    assert TASER_ROOM == 4
    assert "(a Taser has four)" in TEXT
    assert CAMERA_ROOM == 1_000
    assert f"at most {profile.VALUE_LIMIT} bytes" in TEXT
    assert f"left after {profile.PAIRING_MODE_S} s" in TEXT


def test_the_sizes_of_the_handshakes_messages_are_those_of_the_vectors() -> None:
    vectors = json.loads(FILE.read_text())
    sizes = [len(vectors["pair"][f"message_{number}"]) // 2 for number in (1, 2, 3, 4)]

    assert sizes == [37, 90, 74, 9]
    assert "37, 90, 74 or 90, and 9 bytes" in TEXT
