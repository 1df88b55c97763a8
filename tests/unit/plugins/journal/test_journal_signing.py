# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams are signed while somebody else writes them: at their start, and when enough has come or enough time has passed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import sizes
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import ChangedStream, Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._signing import MOST_RECORDS, OpenStream
from tests.unit.plugins.journal.sealed_journal import AnchorRefusal, Keyed, MemoryAnchors, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ORIGIN = "2026/11/22/INC-7K3M/play-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "play-1.jsonl"


@pytest.fixture
def stream(path: Path) -> Iterator[Stream]:
    with closing(Stream.create(path, ORIGIN)) as stream:
        yield stream


def test_nothing_is_signed_of_nothing(path: Path) -> None:
    """A stream that is not there yet, or is empty, is no fault and has no checkpoint."""
    reader, anchors = OpenStream(path, ORIGIN), MemoryAnchors()
    reader.sign(0, Keyed(), anchors)
    Stream.create(path, ORIGIN).close()
    reader.sign(1, Keyed(), anchors)
    assert (anchors.kept, sizes(path)) == ({}, [])


def test_when_it_is_signed(path: Path, stream: Stream) -> None:
    """At once, then after ten seconds if anything came, or after five hundred records; what is signed is what was written."""
    reader, anchors = OpenStream(path, ORIGIN), MemoryAnchors()
    for now, new, signed in [
        (0.0, 3, [3]),
        (1.0, 2, [3]),
        (9.9, 0, [3]),
        (10.0, 0, [3, 5]),
        (30.0, 0, [3, 5]),
        (31.0, 1, [3, 5, 6]),
        (32.0, MOST_RECORDS - 1, [3, 5, 6]),
        (33.0, 1, [3, 5, 6, 6 + MOST_RECORDS]),
    ]:
        write(stream, new)
        reader.sign(now, Keyed(), anchors)
        assert sizes(path) == signed
        assert sorted(anchors.kept[ORIGIN]) == signed
    note = anchors.kept[ORIGIN][stream.size]
    assert note == path.with_name(f"play-1.{stream.size}.checkpoint").read_text(encoding="utf-8")
    other = OpenStream(path, ORIGIN)
    other.sign(0, Keyed(), anchors)  # another reader comes to the same checkpoint, or the anchors would refuse it


def test_a_half_line_waits(path: Path, stream: Stream) -> None:
    """What is being written is not signed before it is whole."""
    write(stream, 2)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + 20])
    reader, anchors = OpenStream(path, ORIGIN), MemoryAnchors()
    reader.sign(0, Keyed(), anchors)
    assert sizes(path) == [1]
    path.write_bytes(whole)
    reader.sign(20, Keyed(), anchors)
    assert sizes(path) == [1, 2]


def test_a_stream_that_is_changed_meanwhile(path: Path, stream: Stream) -> None:
    """What does not continue what was read before is never signed."""
    write(stream, 2)
    reader, anchors = OpenStream(path, ORIGIN), MemoryAnchors()
    reader.sign(0, Keyed(), anchors)
    write(stream, 1)
    path.write_bytes(path.read_bytes().replace(b'"seq":3', b'"seq":4'))
    with pytest.raises(ChangedStream, match="changed while it was written"):
        reader.sign(20, Keyed(), anchors)
    assert sizes(path) == [2]


class Away(MemoryAnchors):
    """Anchors that can't be reached at first."""

    def put(self, origin: str, size: int, note: str) -> None:
        if self.is_away:
            raise AnchorRefusal("Vault is sealed.")
        super().put(origin, size, note)


def test_what_could_not_be_anchored_is_tried_again(path: Path, stream: Stream) -> None:
    """A Vault that is away keeps nothing from being signed later, and nothing is signed twice in two ways."""
    write(stream, 2)
    reader, anchors = OpenStream(path, ORIGIN), Away(is_away=True)
    with pytest.raises(AnchorRefusal):
        reader.sign(0, Keyed(), anchors)
    anchors.is_away = False
    reader.sign(1, Keyed(), anchors)
    assert sorted(anchors.kept[ORIGIN]) == [2]
