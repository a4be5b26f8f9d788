"""Where the tree's hashes are kept: tiles of 256, as C2SP tlog-tiles lays them out.

A tile at level L holds up to 256 hashes, each over 256**L leaves. Only the last tile of a level may be partial, and
what is in a tile never changes: it is only added to.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from tlog.tree import HASH_SIZE, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
_FULL = WIDTH * HASH_SIZE
_HIGHEST_LEVEL = 63
_PATH = re.compile(r"(0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

# (level, number) → the tile's hashes, one after the other.
ReadTile: TypeAlias = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Tile:
    """A tile's place: ``width`` hashes from ``number`` × 256 on, at ``level``."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its address below ``tile/`` (tlog-tiles, "Merkle Tree"), as in ``0/x001/234.p/7``."""
        return f"{self.level}/{number_path(self.number)}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> Self:
        """The tile at an address.

        Raises:
            ValueError: there is no such address.
        """
        found = _PATH.fullmatch(path)
        level = int(found[1]) if found else WIDTH
        number = int(found[2].replace("x", "").replace("/", "")) if found else 0
        width = int(found[3]) if found and found[3] else WIDTH
        tile = cls(level, number, width)
        if level > _HIGHEST_LEVEL or tile.path != path:
            raise ValueError(f"{path!r} is no tile's address")
        return tile


def number_path(number: int) -> str:
    """A tile's number in groups of three digits: 1234067 is ``x001/x234/067``."""
    groups = [f"{number % 1_000:03}"]
    while number := number // 1_000:
        groups.insert(0, f"x{number % 1_000:03}")
    return "/".join(groups)


def tiles_of(size: int, level: int = 0, after: int = 0) -> list[Tile]:
    """The tiles of a level that hold the hashes from ``after`` on in a tree of ``size`` leaves."""
    count = size >> (HEIGHT * level)
    return [
        Tile(level, number, min(WIDTH, count - number * WIDTH))
        for number in range(after // WIDTH, -(-count // WIDTH))
        if count > after
    ]


def hashes_in(tile: bytes) -> list[bytes]:
    """A tile's hashes, one by one."""
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


def whole_root(hashes: Sequence[bytes]) -> bytes:
    """The hash over a whole subtree; the number of ``hashes`` is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


@dataclass(frozen=True)
class TileNodes:
    """A tree's nodes (``tree.Node``), worked out from its tiles; reads one tile a node."""

    read: ReadTile

    def __call__(self, level: int, index: int) -> bytes:
        """The hash over the 2**level leaves from index * 2**level on.

        Raises:
            LookupError: the tile does not hold them.
        """
        tile_level, within = divmod(level, HEIGHT)
        number, first = divmod(index << within, WIDTH)
        tile = self.read(tile_level, number)
        wanted = tile[first * HASH_SIZE : (first + (1 << within)) * HASH_SIZE]
        if len(wanted) != HASH_SIZE << within:
            raise LookupError(f"tile {Tile(tile_level, number).path} lacks hashes")
        return whole_root(hashes_in(wanted))


def grow(size: int, leaves: Sequence[bytes], edge: Mapping[int, bytes]) -> dict[tuple[int, int], bytes]:
    """The tiles that are new or longer once the hashes ``leaves`` are added to a tree of ``size`` leaves.

    ``edge`` holds the last, partial tile of each level that has one. Touches the new leaves' own tiles and at most
    one more a level: log256(size).
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, new = 0, list(leaves)
    while new:
        number, width = divmod(size >> (HEIGHT * level), WIDTH)
        row = (edge[level] if width else b"") + b"".join(new)
        new = []
        for at in range(0, len(row), _FULL):
            tile = row[at : at + _FULL]
            changed[level, number + at // _FULL] = tile
            if len(tile) == _FULL:
                new.append(whole_root(hashes_in(tile)))
        level += 1
    return changed


def edge_of(size: int) -> list[Tile]:
    """The partial tile of each level that has one: what must be read to let a tree of ``size`` leaves grow."""
    partial = [
        Tile(level, *divmod(size >> (HEIGHT * level), WIDTH)) for level in range(size.bit_length() // HEIGHT + 1)
    ]
    return [tile for tile in partial if tile.width]
