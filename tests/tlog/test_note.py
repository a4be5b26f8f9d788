"""Signed notes and checkpoints: what is well formed, who signed, and nothing else passes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlog.note import Checkpoint, NoteError, Signer, Verifier, open_checkpoint, signed

SIGNER = Signer("example.org/log", b"7" * 32)
OTHER = Signer("example.org/log", b"8" * 32)
CHECKPOINT = Checkpoint("example.org/log", 42, b"r" * 32)
NOTE = signed(CHECKPOINT, SIGNER)


def test_a_checkpoint_is_written_as_c2sp_says() -> None:
    lines = NOTE.split("\n")

    assert lines[:4] == ["example.org/log", "42", base64.b64encode(b"r" * 32).decode(), ""]
    assert lines[4].startswith("— example.org/log ")
    signature = base64.b64decode(lines[4].rsplit(" ", 1)[1])
    assert (signature[:4], len(signature)) == (SIGNER.verifier.id, 4 + 64)
    assert lines[5:] == [""]


def test_what_was_signed_is_read_again() -> None:
    assert open_checkpoint(NOTE, [OTHER.verifier, SIGNER.verifier]) == CHECKPOINT


def test_keys_are_spelled_so_that_they_can_be_copied() -> None:
    assert Signer.parse(SIGNER.secret()) == SIGNER
    assert Verifier.parse(str(SIGNER.verifier)) == SIGNER.verifier
    assert "7777" not in repr(SIGNER)


def test_the_key_of_gos_note_package_is_read() -> None:
    # The example of golang.org/x/mod/sumdb/note.
    spelled = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    verifier = Verifier.parse(spelled)

    assert signature[:4] == verifier.id
    verifier.check(text, signature[4:])


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_changed_character_passes(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed == NOTE:
        return

    with pytest.raises(NoteError):
        open_checkpoint(changed, [SIGNER.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        signed(CHECKPOINT, OTHER),
        SIGNER.sign("example.org/log\n042\n" + base64.b64encode(b"r" * 32).decode() + "\n"),
        SIGNER.sign("example.org/log\n²\n" + base64.b64encode(b"r" * 32).decode() + "\n"),
        SIGNER.sign("example.org/log\n42\n" + base64.b64encode(b"r" * 31).decode() + "\n"),
        SIGNER.sign("example.org/log\n42\n"),
        SIGNER.sign("hello\n"),
    ],
)
def test_nothing_else_passes_for_a_checkpoint(note: str) -> None:
    with pytest.raises(NoteError):
        open_checkpoint(note, [SIGNER.verifier])


def test_another_logs_checkpoint_is_told_apart() -> None:
    with pytest.raises(NoteError, match=r"of 'example\.org/log', not of 'other'"):
        open_checkpoint(NOTE, [SIGNER.verifier], origin="other")


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", "a+00000000+", "a+00000000+AAAA", str(OTHER.verifier).replace("example", "exemple"), "a b+1+AQ=="],
)
def test_no_other_key_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Verifier.parse(text)
    with pytest.raises(ValueError, match=r"\w"):
        Signer.parse(f"PRIVATE+KEY+{text}")
