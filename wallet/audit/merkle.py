"""A Merkle tree over leaves in a fixed order, as in RFC 6962, section 2.1: no leaf stands for two. Pure.

A leaf's digest is that of a zero byte and its record (`encoding.leaf_digest`), an inner node's that of a one byte and
the two below it; the left one has the largest power of two of leaves that leaves something for the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

Path = list[tuple[str, bytes]]
"""The nodes beside the way from a leaf up to the root, each with its side: "left" or "right"."""


class Tree:
    """A tree that grows leaf by leaf and keeps no more than one node a level."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Add the digest of the next leaf."""
        before, self.size = self.size, self.size + 1
        while before & 1:
            leaf = sha256(b"\1" + self._whole.pop() + leaf).digest()
            before >>= 1
        self._whole.append(leaf)

    def root(self) -> bytes:
        """Return the root over the leaves so far; over none it is the digest of nothing."""
        if not self._whole:
            return sha256(b"").digest()
        node = self._whole[-1]
        for left in self._whole[-2::-1]:
            node = sha256(b"\1" + left + node).digest()
        return node


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the digests of leaves."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def path_to(leaves: Sequence[bytes], index: int) -> Path:
    """Return the path from a leaf, by its index from 0, to the root over all leaves."""
    if len(leaves) == 1:
        return []
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:middle], leaves[middle:]
    if index < middle:
        return [*path_to(left, index), ("right", root_of(right))]
    return [*path_to(right, index - middle), ("left", root_of(left))]
