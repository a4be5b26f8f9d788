"""An exported range of a log: JSON Lines that can be checked without the server that wrote them.

The first line is the header. Then comes a line for each place of the range, in order, and at the end of a log's export
one for each entry that has no place yet::

    {"format": "tlog-export 1", "origin": …, "exported_at": …, "newest": …, "settled": …, "size": …, "checkpoint": NOTE,
     "from": …, "to": …, "left": [HASH…], "right": [HASH…]}
    {"position": …, "leaf_hash": HASH, "entry": {…}, "salt": SALT}
    {"position": …, "leaf_hash": HASH, "entry": {…}, "erased": {"commitments": {…}, "salts": {…}}}
    {"position": …, "leaf_hash": HASH, "entry": null, "number": …}      the entry is gone
    {"position": null, "entry": {…}}                                    not proven yet

``left`` and ``right`` are the hashes of the whole subtrees before and after the range (``tree.cover``), so that the
range and they together have the checkpoint's root. Hashes and salts are hexadecimal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tlog.leaf import CLEAR, PERSONAL, Secrets, canonical, leaf, read_json
from tlog.tree import HASH_SIZE, leaf_hash

FORMAT = "tlog-export 1"


class ExportError(Exception):
    """This is no export, or not all of one."""


@dataclass(frozen=True)
class Header:
    """What an export says of itself. ``newest`` is whether it claims to reach the log's end as it was then."""

    origin: str
    exported_at: str
    newest: bool
    settled: int
    size: int
    checkpoint: str | None
    first: int
    last: int
    left: Sequence[bytes]
    right: Sequence[bytes]

    def line(self) -> str:
        """The header's line."""
        return canonical(
            {
                "format": FORMAT,
                "origin": self.origin,
                "exported_at": self.exported_at,
                "newest": self.newest,
                "settled": self.settled,
                "size": self.size,
                "checkpoint": self.checkpoint,
                "from": self.first,
                "to": self.last,
                "left": [found.hex() for found in self.left],
                "right": [found.hex() for found in self.right],
            }
        )

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a header's line.

        Raises:
            ExportError: it is none.
        """
        try:
            said = read_json(line)
            if said["format"] != FORMAT:
                raise ExportError(f"This export is of the format {said['format']!r}, not {FORMAT!r}.")
            header = cls(
                origin=str(said["origin"]),
                exported_at=str(said["exported_at"]),
                newest=said["newest"] is True,
                settled=int(said["settled"]),
                size=int(said["size"]),
                checkpoint=said["checkpoint"],
                first=int(said["from"]),
                last=int(said["to"]),
                left=[_hash(text) for text in said["left"]],
                right=[_hash(text) for text in said["right"]],
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ExportError("This is no export of a log: its first line is not the header of one.") from error
        if not 0 <= header.first <= header.last <= header.size:
            raise ExportError(f"This export's range, {header.first} to {header.last} of {header.size}, is none.")
        return header


@dataclass(frozen=True)
class Line:
    """A place of the range, or an entry without one. ``entry`` is None where the log has lost it."""

    position: int | None
    number: int
    stated: bytes | None
    entry: Mapping[str, Any] | None
    secrets: Secrets | None

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line.

        Raises:
            ExportError: it is none of an export.
        """
        try:
            said = read_json(line)
            position = None if said["position"] is None else int(said["position"])
            entry = said["entry"]
            number = int(said["number"] if entry is None else entry["entry"])
            stated = None if position is None else _hash(said["leaf_hash"])
            return cls(position, number, stated, entry, None if position is None or entry is None else _secrets(said))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ExportError(f"This is no line of an export: {line[:80]!r}") from error

    def computed(self) -> bytes | None:
        """The hash of the entry as it stands here; None when it cannot be made of what is here."""
        if self.entry is None or self.secrets is None:
            return None
        try:
            return leaf_hash(leaf(self.entry, self.secrets))
        except (KeyError, TypeError, RecursionError, UnicodeError):
            return None


def entry_line(position: int, stated: bytes, row: Mapping[str, Any], secrets: Secrets) -> str:
    """The line of an entry in its place. ``row`` has everything in ``leaf.CLEAR`` and ``leaf.PERSONAL``."""
    said: dict[str, Any] = {"position": position, "leaf_hash": stated.hex(), "entry": _entry(row)}
    if secrets.salt is not None:
        said["salt"] = secrets.salt.hex()
    else:
        salts = {name: salt.hex() for name, salt in secrets.salts.items()}
        said["erased"] = {"commitments": secrets.commitments, "salts": salts}
    return canonical(said)


def gone_line(position: int, stated: bytes, number: int) -> str:
    """The line of a place whose entry the log has lost."""
    return canonical({"position": position, "leaf_hash": stated.hex(), "entry": None, "number": number})


def unproven_line(row: Mapping[str, Any]) -> str:
    """The line of an entry that has no place yet."""
    return canonical({"position": None, "entry": _entry(row)})


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*CLEAR, *PERSONAL)}


def _secrets(said: Mapping[str, Any]) -> Secrets:
    if "salt" in said:
        return Secrets(bytes.fromhex(said["salt"]))
    erased = said["erased"]
    salts = {name: bytes.fromhex(salt) for name, salt in erased["salts"].items()}
    return Secrets(None, salts, {name: _hash(text).hex() for name, text in erased["commitments"].items()})


def _hash(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != HASH_SIZE:
        raise ValueError("no hash")
    return found
