# SPDX-License-Identifier: GPL-3.0-or-later
"""The Merkle tree over a stream's lines (RFC 6962, section 2.1), kept as its right edge only.

A leaf is a line without its newline. Memory grows with the logarithm of the number of leaves.
"""

from __future__ import annotations

from hashlib import sha256

_LEAF = b"\x00"
_NODE = b"\x01"


class Tree:
    """A growing Merkle tree that knows its root and nothing else."""

    def __init__(self) -> None:
        """Start with no leaf."""
        self._size = 0
        self._edge: list[bytes] = []  # roots of the complete subtrees, the largest first

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def add(self, leaf: bytes) -> None:
        """Add one leaf at the right."""
        node = sha256(_LEAF + leaf).digest()
        size = self._size
        while size & 1:
            node = sha256(_NODE + self._edge.pop() + node).digest()
            size >>= 1
        self._edge.append(node)
        self._size += 1

    def copy(self) -> Tree:
        """Return a tree of the same leaves that grows on its own."""
        tree = Tree()
        tree._size, tree._edge = self._size, self._edge.copy()
        return tree

    def root(self) -> bytes:
        """Return the Merkle tree hash, 32 bytes; of no leaf it is the SHA-256 of nothing."""
        if not self._edge:
            return sha256(b"").digest()
        node = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            node = sha256(_NODE + left + node).digest()
        return node
