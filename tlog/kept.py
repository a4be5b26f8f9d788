"""What an auditor keeps of a log, out of its keeper's reach: signed checkpoints, and a followed copy of its hashes."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlog.note import Checkpoint, NoteError, Verifier, open_checkpoint
from tlog.tree import HASH_SIZE, Growing


class KeptError(Exception):
    """What was kept cannot be used."""


@dataclass(frozen=True)
class Kept:
    """A checkpoint that was kept, and where."""

    checkpoint: Checkpoint
    source: str


def read_checkpoints(places: Iterable[Path], verifiers: Sequence[Verifier], origin: str) -> list[Kept]:
    """Every checkpoint in files and folders, smallest first.

    Raises:
        KeptError: a place is not there, or what lies there is no checkpoint of this log that a known key signed.
    """
    kept = []
    for path in _files(places):
        try:
            kept.append(Kept(open_checkpoint(path.read_text("utf-8"), verifiers, origin=origin), str(path)))
        except (NoteError, OSError, UnicodeError) as error:
            raise KeptError(f"{path}: {error}.") from error
    return sorted(kept, key=lambda one: one.checkpoint.size)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*.note") if not path.name.startswith("."))
        elif place.exists():
            yield place
        else:
            raise KeptError(f"{place}: there is no such file or folder.")


def contradictions(kept: Sequence[Kept]) -> list[str]:
    """Checkpoints of one size that differ: the log was signed twice over."""
    seen: dict[int, Kept] = {}
    found = []
    for one in kept:
        first = seen.setdefault(one.checkpoint.size, one)
        if first.checkpoint.root != one.checkpoint.root:
            size = one.checkpoint.size
            found.append(f"The log's key signed two different logs of {size} entries: {first.source}, {one.source}.")
    return found


class Copy:
    """A followed log: ``hashes`` has 32 bytes a leaf, ``state.json`` how many of them count, ``checkpoints`` the notes.

    A process that was killed while it added to the copy leaves hashes that do not count, and are written anew.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes = folder / "hashes"
        self._state = folder / "state.json"
        state = self._read_state()
        self.growing = Growing(state["size"], [bytes.fromhex(peak) for peak in state["peaks"]])

    @property
    def size(self) -> int:
        return self.growing.size

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def _read_state(self) -> Mapping[str, Any]:
        try:
            state: Mapping[str, Any] = json.loads(self._state.read_text("ascii"))
            kept = self._hashes.stat().st_size
        except FileNotFoundError:
            return {"size": 0, "peaks": []}
        except ValueError as error:
            raise KeptError(f"{self._state} cannot be read: {error}.") from error
        if kept < state["size"] * HASH_SIZE:
            raise KeptError(f"{self._hashes} is shorter than {self._state} says.")
        return state

    def leaf_hashes(self, first: int = 0) -> Iterator[bytes]:
        """The hashes from a place on, as they were when they were followed."""
        with self._hashes.open("rb") as file:
            file.seek(first * HASH_SIZE)
            for _ in range(first, self.size):
                yield file.read(HASH_SIZE)

    def append(self, batches: Iterable[Sequence[bytes]]) -> Growing:
        """Write hashes behind those that count, and answer the tree with them. They count once they are accepted."""
        grown = Growing(self.size, list(self.growing.peaks))
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._hashes.open("r+b" if self._hashes.exists() else "w+b") as file:
            file.truncate(self.size * HASH_SIZE)
            file.seek(0, os.SEEK_END)
            for hashes in batches:
                file.write(b"".join(hashes))
                grown.extend(hashes)
            file.flush()
            os.fsync(file.fileno())
        return grown

    def accept(self, grown: Growing, note: str) -> None:
        """Keep the checkpoint that appended hashes were checked against, and let them count."""
        self.checkpoints.mkdir(exist_ok=True)
        _replace(self.checkpoints / f"{grown.size:012}.note", note)
        said = {"size": grown.size, "peaks": [peak.hex() for peak in grown.peaks]}
        _replace(self._state, json.dumps(said))
        self.growing = grown


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.unfinished")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
