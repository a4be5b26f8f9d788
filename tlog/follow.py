"""Following a log over HTTP: a copy of its hashes and checkpoints that its keeper cannot reach.

Each step takes what is new, checks that it continues what was there, and keeps it. A log whose history was rewritten
since, and signed anew, then differs from the copy in the first entry that was touched.
"""

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlog.kept import Copy
from tlog.leaf import read_json
from tlog.note import Checkpoint, NoteError, Verifier, open_checkpoint
from tlog.tiles import WIDTH, Tile, hashes_in, number_path, tiles_of
from tlog.tree import HASH_SIZE

_PATIENCE_S = 30


class Unreachable(Exception):
    """The log's server did not answer, or not with what was asked for."""


class Rewritten(Exception):
    """The log is not the one that was followed; the message names the first entry that is wrong."""


@dataclass(frozen=True)
class Server:
    """A log by C2SP tlog-tiles' addresses below ``url``, for whoever has the bearer ``token``."""

    url: str
    token: str | None = None

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        return self._get("checkpoint").decode("utf-8", "replace")

    def tile(self, tile: Tile) -> list[bytes]:
        """A tile's hashes."""
        found = self._get(f"tile/{tile.path}")
        if len(found) != tile.width * HASH_SIZE:
            raise Unreachable(f"The tile {tile.path} has another length than it should.")
        return hashes_in(found)

    def leaf(self, position: int) -> bytes:
        """The leaf at a place, as the log tells it now."""
        number, place = divmod(position, WIDTH)
        bundle = self._get(f"tile/entries/{number_path(number)}" + (f".p/{place + 1}" if place + 1 < WIDTH else ""))
        for _ in range(place):
            bundle = bundle[2 + int.from_bytes(bundle[:2]) :]
        return bundle[2 : 2 + int.from_bytes(bundle[:2])]

    def _get(self, path: str) -> bytes:
        if not self.url.startswith(("https://", "http://")):
            raise Unreachable(f"{self.url} is not an address of HTTP.")
        request = urllib.request.Request(f"{self.url.rstrip('/')}/{path}")  # noqa: S310 - checked above
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310 - checked above
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise Unreachable(f"{self.url}/{path}: {error}") from error


def follow(server: Server, copy: Copy, verifiers: Sequence[Verifier], origin: str | None = None) -> Checkpoint:
    """Take what is new into the copy, once it is checked.

    Raises:
        Unreachable: the server does not answer; the copy is as it was, or longer by what was checked.
        Rewritten: the log does not continue what was followed; the copy keeps what it had.
    """
    note = server.checkpoint()
    try:
        checkpoint = open_checkpoint(note, verifiers, origin=origin)
    except NoteError as error:
        raise Rewritten(f"The log's newest checkpoint is not to be trusted: {error}.") from error
    if checkpoint.size < copy.size:
        raise Rewritten(
            f"The log was cut off: everything from place {checkpoint.size} on is gone, of {copy.size} entries followed."
        )
    grown = copy.append(_new_hashes(server, copy.size, checkpoint.size))
    if grown.root() != checkpoint.root:
        raise Rewritten(_where(server, copy, checkpoint))
    copy.accept(grown, note)
    return checkpoint


def _new_hashes(server: Server, old: int, new: int) -> Iterator[list[bytes]]:
    for tile in tiles_of(new, after=old):
        yield server.tile(tile)[max(0, old - tile.number * WIDTH) :]


def _where(server: Server, copy: Copy, checkpoint: Checkpoint) -> str:
    followed = copy.leaf_hashes()
    for tile in tiles_of(min(copy.size, checkpoint.size)):
        for place, (now, then) in enumerate(zip(server.tile(tile), followed, strict=False)):
            if now != then:
                position = tile.number * WIDTH + place
                return f"The log's history was rewritten from place {position} on; {_tells(server, position)}."
    return f"The log's hashes from place {copy.size} on do not lead to its checkpoint of {checkpoint.size} entries."


def _tells(server: Server, position: int) -> str:
    try:
        return f"it tells there now of entry {read_json(server.leaf(position))['entry']}"
    except (Unreachable, ValueError, KeyError, TypeError):
        return "what it tells there now cannot be read"
