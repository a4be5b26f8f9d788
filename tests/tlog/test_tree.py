"""Trees and proofs against the definitions of RFC 9162, written out as they stand there, and known answers."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlog import tree
from tlog.tiles import Tile, TileNodes, edge_of, grow, number_path, tiles_of
from tlog.tree import EMPTY_ROOT, Growing, ProofError, cover, leaf_hash, node_hash

MOST = 40


def split(count: int) -> int:
    """The largest power of two smaller than ``count``, by counting up."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(leaves: Sequence[bytes]) -> bytes:
    """2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1, word by word."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], is_whole: bool) -> list[bytes]:
    """2.1.4.1, word by word."""
    if m == len(leaves):
        return [] if is_whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], is_whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def leaves_of(count: int) -> list[bytes]:
    return [number.to_bytes(2) for number in range(count)]


def node_of(leaves: Sequence[bytes]) -> tree.Node:
    return lambda level, index: mth(leaves[index << level : (index + 1) << level])


# The leaves and roots of the reference tests of Certificate Transparency.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize(("size", "root"), CT_ROOTS.items())
def test_roots_are_those_of_certificate_transparency(size: int, root: str) -> None:
    growing = Growing()
    growing.extend(map(leaf_hash, CT_LEAVES[:size]))

    assert growing.root().hex() == tree.root(size, node_of(CT_LEAVES)).hex() == root


def test_the_empty_tree() -> None:
    assert Growing().root() == EMPTY_ROOT == mth([]) == tree.root(0, node_of([]))


def test_every_inclusion_proof_of_every_small_tree() -> None:
    for size in range(1, MOST):
        leaves = leaves_of(size)
        for index in range(size):
            proof = tree.inclusion_proof(index, size, node_of(leaves))
            assert proof == path(index, leaves)
            tree.verify_inclusion(leaf_hash(leaves[index]), index, size, proof, mth(leaves))


def test_every_consistency_proof_of_every_small_tree() -> None:
    for new in range(1, MOST):
        leaves = leaves_of(new)
        for old in range(1, new + 1):
            proof = tree.consistency_proof(old, new, node_of(leaves))
            assert proof == subproof(old, leaves, True)
            tree.verify_consistency(old, new, proof, mth(leaves[:old]), mth(leaves))


@given(st.data())
def test_no_inclusion_proof_proves_anything_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    proof, root = path(index, leaves), mth(leaves)
    wrong = [
        (leaf_hash(b"other"), index, size, proof, root),
        (leaf_hash(leaves[index]), index, size, [*proof, root], root),
        (leaf_hash(leaves[index]), index, size, proof, leaf_hash(b"other")),
        (leaf_hash(leaves[index]), size, size, proof, root),
        (leaf_hash(leaves[index]), -1, size, proof, root),
    ]
    wrong += [(leaf_hash(leaves[index]), other, size, proof, root) for other in range(size) if other != index]
    wrong += [(leaf_hash(leaves[index]), index, size, proof[:-1], root)] if proof else []
    for at in range(len(proof)):
        wrong.append((leaf_hash(leaves[index]), index, size, [*proof[:at], bytes(32), *proof[at + 1 :]], root))

    for one in wrong:
        with pytest.raises(ProofError):
            tree.verify_inclusion(*one)


@given(st.data())
def test_no_consistency_proof_proves_a_rewritten_history(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(new)
    forged = [*leaves[:changed], b"forged", *leaves[changed + 1 :]]
    genuine, proof = mth(leaves[:old]), subproof(old, forged, True)

    with pytest.raises(ProofError):
        tree.verify_consistency(old, new, proof, genuine, mth(forged))
    with pytest.raises(ProofError):
        tree.verify_consistency(old, new, subproof(old, leaves, True), genuine, mth(forged))
    with pytest.raises(ProofError):
        tree.verify_consistency(old, new, [*subproof(old, leaves, True), bytes(32)], genuine, mth(leaves))


@given(st.lists(st.integers(1, 700), max_size=6))
def test_tiles_grown_in_any_batches_give_the_same_tree(batches: list[int]) -> None:
    kept: dict[tuple[int, int], bytes] = {}
    growing, size = Growing(), 0

    def read(level: int, number: int) -> bytes:
        return kept[level, number]

    for batch in batches:
        fresh = [leaf_hash((size + number).to_bytes(4)) for number in range(batch)]
        edge = {tile.level: kept[tile.level, tile.number] for tile in edge_of(size)}
        changed = grow(size, fresh, edge)
        for place, hashes in changed.items():
            assert hashes.startswith(kept.get(place, b""))
        kept.update(changed)
        growing.extend(fresh)
        size += batch
        assert tree.root(size, TileNodes(read)) == growing.root()
    assert {tile: len(hashes) // 32 for tile, hashes in kept.items()} == {
        (tile.level, tile.number): tile.width for level in range(3) for tile in tiles_of(size, level)
    }


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_range_between_what_covers_the_rest_gives_the_same_root(one: int, other: int) -> None:
    first, last, size = min(one, other), max(one, other), 300
    leaves = leaves_of(size)
    growing = Growing()
    for level, index in cover(0, first):
        growing.append_subtree(level, node_of(leaves)(level, index))
    growing.extend(map(leaf_hash, leaves[first:last]))
    for level, index in cover(last, size):
        growing.append_subtree(level, node_of(leaves)(level, index))

    assert growing.root() == mth(leaves)
    assert len(cover(0, first)) + len(cover(last, size)) <= 2 * size.bit_length()


def test_the_root_with_a_smaller_rest() -> None:
    leaves = leaves_of(11)
    growing = Growing()
    growing.extend(map(leaf_hash, leaves[:8]))

    assert growing.root_with(mth(leaves[8:])) == mth(leaves)


def test_a_root_asks_for_few_nodes_of_a_large_tree() -> None:
    asked: list[tuple[int, int]] = []

    def node(level: int, index: int) -> bytes:
        asked.append((level, index))
        return leaf_hash(b"%d %d" % (level, index))

    size = 10_000_019
    tree.root(size, node)
    assert len(asked) <= size.bit_length()
    asked.clear()
    tree.inclusion_proof(7_654_321, size, node)
    assert len(asked) <= 2 * size.bit_length()
    asked.clear()
    tree.consistency_proof(7_654_321, size, node)
    assert len(asked) <= 2 * size.bit_length()


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "0/000"),
        (Tile(0, 1234067, 7), "0/x001/x234/067.p/7"),
        (Tile(1, 999), "1/999"),
        (Tile(2, 1000), "2/x001/000"),
    ],
)
def test_a_tile_has_one_address(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile
    assert number_path(1234067) == "x001/x234/067"


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/0", "0/0000", "0/000.p/0", "0/000.p/256", "0/000.p/01", "64/000", "00/000", "0/x000/001", "0/../0"],
)
def test_another_spelling_is_no_address(path: str) -> None:
    with pytest.raises(ValueError, match="no tile"):
        Tile.parse(path)


def test_two_leaves_are_not_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert node_hash(left, right) != leaf_hash(left + right)
