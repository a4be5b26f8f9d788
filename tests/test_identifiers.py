"""Identifiers: one spelling, and nothing that the counter or an address would take for something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.counter.scans import Command, Mode
from fleet.identifiers import BADGE_PREFIX, COMMAND_WORDS, assigned, canonical


@given(st.text())
def test_spelling_an_identifier_twice_changes_nothing(text: str) -> None:
    try:
        once = canonical(text)
    except ValueError:
        return
    assert canonical(once) == once


def test_every_command_of_the_counter_is_a_reserved_word() -> None:
    assert {str(word).upper() for word in [*Mode, *Command]} == COMMAND_WORDS


@pytest.mark.parametrize("text", ["return", "Undo", "..", ".", "", " ", "a\x00b", "x" * 65, f"{BADGE_PREFIX}ABC"])
def test_what_could_never_be_scanned_or_asked_for_is_no_identifier(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        assigned(text)
