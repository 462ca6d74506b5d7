"""The Merkle tree: RFC 6962's own numbers, and paths that lead to the root from every leaf."""

from __future__ import annotations

from hashlib import sha256

import pytest

from wallet.audit.encoding import leaf_digest
from wallet.audit.merkle import Path, Tree, path_to, root_of

# Roots over the first 0, 1, 2, … of these leaves, as published in the test data of RFC 6962's reference log.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_digest(bytes.fromhex(each)) for each in INPUTS]


def climb(leaf: bytes, path: Path) -> bytes:
    """Return the root that a leaf and its path lead to."""
    for side, node in path:
        leaf = sha256(b"\1" + (node + leaf if side == "left" else leaf + node)).digest()
    return leaf


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_the_standard(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]


def test_a_tree_keeps_one_node_a_level() -> None:
    tree = Tree()
    for n in range(1000):
        tree.add(leaf_digest(b"%d" % n))
    assert tree.size == 1000
    assert len(tree._whole) == (1000).bit_count()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_every_path_leads_to_the_root_and_from_its_leaf_only(size: int) -> None:
    leaves = [leaf_digest(b"%d" % n) for n in range(size)]
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        path = path_to(leaves, index)
        assert climb(leaf, path) == root
        assert climb(leaf_digest(b"other"), path) != root
        assert all(climb(other, path) != root for other in leaves if other != leaf)


def test_an_odd_leaf_stands_for_itself_alone() -> None:
    """The tree of three leaves is not that of four whose last two are the same."""
    assert root_of(LEAVES[:3]) != root_of([*LEAVES[:3], LEAVES[2]])
