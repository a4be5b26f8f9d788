"""``/counter/commands``: the counter's command words as barcodes, to be printed and kept beside the scanner."""

from enum import StrEnum

from flask import Blueprint, render_template

from fleet.auth.permissions import Permission
from fleet.counter.scans import Command, Mode
from fleet.pages.barcodes import LARGE_MM, code_128
from fleet.web import allow

pages = Blueprint("commands_pages", __name__)

# In the order in which a clerk comes to need them.
SAYS: dict[StrEnum, str] = {
    Mode.RETURN: "Every camera scanned after this is returned in good condition.",
    Mode.FAULTY: "Every camera scanned after this is returned as faulty, and quarantined.",
    Mode.PERSONAL: "Every camera issued after this is a personal issue.",
    Mode.POOL: "Every camera issued after this is a loan from the pool.",
    Mode.HELMET: "Every camera issued after this is a loan for helmet-mounted work, which takes a Flex 2.",
    Mode.NORMAL: "Ends return, faulty, personal, pool and helmet.",
    Command.PIN: "The officer’s PIN comes next, and acknowledges what was issued.",
    Command.SIGN: "The officer signs on the screen for what was issued.",
    Command.ATTEST: "You attest, in the officer’s place, that they have what was issued.",
    Command.UNDO: "Reverses the last act, for as long as that can be done.",
    Command.MISSING: "What a returned kit still lacks is missing, and is written down as that.",
    Command.DONE: "Ends the officer’s visit.",
}


@pages.get("/counter/commands")
@allow(Permission.COUNTER_USE)
def commands() -> str:
    """The sheet of command barcodes."""
    shown = [{"word": str(word), "says": says, "barcode": _barcode(word)} for word, says in SAYS.items()]
    return render_template("counter/commands.html", commands=shown)


def _barcode(word: StrEnum) -> str:
    return code_128(str(word), module_mm=LARGE_MM)
