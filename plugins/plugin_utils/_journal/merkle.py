# SPDX-License-Identifier: GPL-3.0-or-later
"""The Merkle tree over a stream's lines (RFC 6962, section 2.1), kept as its right edge only.

A leaf is a line without its newline. Memory grows with the logarithm of the number of leaves.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAF = b"\x00"
_NODE = b"\x01"
_MOST_WAITING = 256
_LONG = 4096


class Tree:
    """A growing Merkle tree that knows its root and nothing else."""

    def __init__(self) -> None:
        """Start with no leaf."""
        self._size = 0
        self._edge: list[bytes] = []  # roots of the complete subtrees, the largest first
        self._waiting: list[bytes] = []  # leaves that are not part of the edge yet: they are taken many at a time

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def add(self, leaf: bytes) -> None:
        """Add one leaf at the right."""
        self._waiting.append(leaf)
        self._size += 1
        if len(self._waiting) == _MOST_WAITING or len(leaf) > _LONG:
            self._take()

    def copy(self) -> Tree:
        """Return a tree of the same leaves that grows on its own."""
        self._take()
        tree = Tree()
        tree._size, tree._edge = self._size, self._edge.copy()
        return tree

    def root(self) -> bytes:
        """Return the Merkle tree hash, 32 bytes; of no leaf it is the SHA-256 of nothing."""
        self._take()
        if not self._edge:
            return sha256(b"").digest()
        node = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            node = sha256(_NODE + left + node).digest()
        return node

    def _take(self) -> None:
        size = self._size - len(self._waiting)
        for leaf in self._waiting:
            node = sha256(_LEAF + leaf).digest()
            place = size
            while place & 1:
                node = sha256(_NODE + self._edge.pop() + node).digest()
                place >>= 1
            self._edge.append(node)
            size += 1
        self._waiting.clear()


class Span:
    """Neighbouring leaves of one tree, as the complete subtrees that they make up; spans that meet can be joined.

    So parts of a stream can be hashed apart from each other, and still give the root over all of it.
    """

    def __init__(self, first: int) -> None:
        """Start before the leaf of this number, counted from 0."""
        self.first = first
        self.end = first
        """The number of the leaf that comes next."""
        self._nodes: list[tuple[int, int, bytes]] = []  # level, place in the level, hash; from left to right

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves at the right."""
        hashes = [sha256(_LEAF + leaf).digest() for leaf in leaves]
        place, level = self.end, 0
        left: list[tuple[int, int, bytes]] = []
        right: list[tuple[int, int, bytes]] = []
        self.end += len(hashes)
        while hashes:
            if place & 1:
                left.append((level, place, hashes[0]))
                del hashes[0]
                place += 1
            if len(hashes) & 1:
                right.append((level, place + len(hashes) - 1, hashes.pop()))
            hashes = [sha256(_NODE + one + two).digest() for one, two in zip(hashes[::2], hashes[1::2], strict=True)]
            place, level = place >> 1, level + 1
        self._take([*left, *reversed(right)])

    def join(self, following: Span) -> None:
        """Take the span that begins where this one ends."""
        self._take(following._nodes)
        self.end = following.end

    def copy(self) -> Span:
        """Return a span of the same leaves that grows on its own."""
        span = Span(self.first)
        span.end, span._nodes = self.end, self._nodes.copy()
        return span

    def root(self) -> bytes:
        """Return the Merkle tree hash of a span that begins with the first leaf."""
        if not self._nodes:
            return sha256(b"").digest()
        node = self._nodes[-1][2]
        for _level, _place, left in reversed(self._nodes[:-1]):
            node = sha256(_NODE + left + node).digest()
        return node

    def _take(self, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        for newest in nodes:
            level, place, node = newest
            while place & 1 and self._nodes and self._nodes[-1][:2] == (level, place - 1):
                node = sha256(_NODE + self._nodes.pop()[2] + node).digest()
                level, place = level + 1, place >> 1
            self._nodes.append((level, place, node))
