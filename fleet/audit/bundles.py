"""The log by C2SP tlog-tiles' addresses: its hashes in tiles, its leaves in bundles. Leaves tell nothing personal."""

from sqlalchemy.orm import Session

from fleet.audit.export import rows_in_places
from fleet.audit.tree import leaf_of, read_tile
from fleet.errors import NotFound
from tlog.tiles import WIDTH, Tile
from tlog.tree import HASH_SIZE

_ENTRIES = "entries/"


def read(session: Session, path: str) -> bytes:
    """What lies at an address below ``tile/``: a tile's hashes, or a bundle of leaves, each after its length.

    Raises:
        NotFound: the log has no such tile, or not as much of it.
    """
    is_bundle = path.startswith(_ENTRIES)
    try:
        tile = Tile.parse(f"0/{path.removeprefix(_ENTRIES)}" if is_bundle else path)
    except ValueError as error:
        raise NotFound(f"{error}.") from error
    found = _bundle(session, tile) if is_bundle else _hashes(session, tile)
    if found is None:
        raise NotFound(f"The log has no such tile yet: {path}.")
    return found


def _hashes(session: Session, tile: Tile) -> bytes | None:
    hashes = read_tile(session, tile.level, tile.number)[: tile.width * HASH_SIZE]
    return hashes if len(hashes) == tile.width * HASH_SIZE else None


def _bundle(session: Session, tile: Tile) -> bytes | None:
    first = tile.number * WIDTH
    rows = rows_in_places(session, first, first + tile.width)
    if len(rows) < tile.width or any(row["entry"] is None for _, row in rows):
        return None
    leaves = [leaf_of(row) for _, row in rows]
    return b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)
