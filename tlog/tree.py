"""The Merkle tree of RFC 9162, section 2.1: arithmetic on hashes, wherever they are kept."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

HASH_SIZE = 32
# (level, index) → the hash over the 2**level leaves that begin at index * 2**level. Asked for whole subtrees alone.
Node: TypeAlias = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(Exception):
    """A proof does not prove what it was given for; the message says how far it came."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a tree of one leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(size: int, node: Node) -> bytes:
    """The hash of the tree of the first ``size`` leaves (RFC 9162, 2.1.1). Asks for at most log2(size) + 1 nodes."""
    return subtree(0, size, node) if size else EMPTY_ROOT


def subtree(first: int, last: int, node: Node) -> bytes:
    """The hash over the leaves from ``first`` up to ``last``, which are a subtree of some tree or its right edge."""
    size = last - first
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, first >> level)
    middle = first + _split(size)
    return node_hash(subtree(first, middle, node), subtree(middle, last, node))


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves (RFC 9162, 2.1.3.1)."""
    _require(0 <= index < size, f"place {index} is not in a log of {size}")
    proof: list[bytes] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        beside = (middle, last) if index < middle else (first, middle)
        proof.append(subtree(*beside, node))
        first, last = (first, middle) if index < middle else (middle, last)
    return proof[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the tree of ``old`` leaves is the beginning of that of ``new`` (RFC 9162, 2.1.4.1)."""
    _require(0 < old <= new, f"there is no proof from {old} to {new}")
    proof: list[bytes] = []
    first, last, is_whole = 0, new, True
    while last != old:
        middle = first + _split(last - first)
        if old <= middle:
            proof.append(subtree(middle, last, node))
            last = middle
        else:
            proof.append(subtree(first, middle, node))
            first, is_whole = middle, False
    if not is_whole:
        proof.append(subtree(first, last, node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that the leaf with this hash is at ``index`` of the tree with the root ``expected`` (RFC 9162, 2.1.3.2).

    Raises:
        ProofError: it is not, or the proof is of another tree.
    """
    _require(0 <= index < size, f"place {index} is not in a log of {size}")
    fn, sn, found = index, size - 1, leaf
    for beside in proof:
        _require(sn != 0, "the proof is too long")
        if fn & 1 or fn == sn:
            found = node_hash(beside, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, beside)
        fn, sn = fn >> 1, sn >> 1
    _require(sn == 0, "the proof is too short")
    _require(found == expected, f"the entry at place {index} is not what the checkpoint of size {size} commits to")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of ``old`` leaves is the beginning of the tree of ``new`` (RFC 9162, 2.1.4.2).

    Raises:
        ProofError: it is not, or the proof is of other trees.
    """
    _require(0 < old <= new, f"there is no proof from {old} to {new}")
    if old == new:
        _require(not proof, "the proof is too long")
        _require(old_root == new_root, f"two checkpoints of size {old} contradict each other")
        return
    _require(bool(proof), "the proof is empty")
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    was = now = path[0]
    for beside in path[1:]:
        _require(sn != 0, "the proof is too long")
        if fn & 1 or fn == sn:
            was, now = node_hash(beside, was), node_hash(beside, now)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            now = node_hash(now, beside)
        fn, sn = fn >> 1, sn >> 1
    _require(sn == 0, "the proof is too short")
    _require(was == old_root, f"the proof does not begin with the checkpoint of size {old}")
    _require(now == new_root, f"the checkpoint of size {new} does not continue that of size {old}")


@dataclass
class Growing:
    """A tree that only grows, kept as the hashes of its whole subtrees from left to right: log2(size) of them."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        self.append_subtree(0, leaf)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves by their hashes."""
        for leaf in leaves:
            self.append_subtree(0, leaf)

    def append_subtree(self, level: int, subtree_hash: bytes) -> None:
        """Add 2**level leaves by their common hash. The size must be a multiple of their number."""
        _require(self.size & ((1 << level) - 1) == 0, f"no subtree of level {level} begins at {self.size}")
        merged, found = self.size >> level, subtree_hash
        while merged & 1:
            found = node_hash(self.peaks.pop(), found)
            merged >>= 1
        self.peaks.append(found)
        self.size += 1 << level

    def root(self) -> bytes:
        """The tree's hash now."""
        return self.root_with(None)

    def root_with(self, rest: bytes | None) -> bytes:
        """The hash of the tree that has beside this one's subtrees one more, smaller than the smallest of them."""
        found = rest
        for peak in reversed(self.peaks):
            found = peak if found is None else node_hash(peak, found)
        return EMPTY_ROOT if found is None else found


def cover(first: int, last: int) -> list[tuple[int, int]]:
    """The fewest whole subtrees, as (level, index), that together hold the leaves from ``first`` up to ``last``."""
    found = []
    while first < last:
        most = (last - first).bit_length() - 1
        level = min(most, (first & -first).bit_length() - 1) if first else most
        found.append((level, first >> level))
        first += 1 << level
    return found


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ProofError(otherwise)
