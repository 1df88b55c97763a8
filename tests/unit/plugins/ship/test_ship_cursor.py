# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a sink has got: pure, kept on the disk, and never ahead of what was settled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import GENESIS, Record
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship import cursor as cursor_module
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cursor import Cursor, Followed, Position
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cursor_file import (
    State,
    UnwritableCursor,
    load,
    save,
    state_path,
)
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = "ledger.jsonl"
STREAM = "2026/11/23/RUN-1/play-1.jsonl"
AT = "2026-11-23T00:00:00.000000Z"


def word(kind: str, **body: object) -> Record:
    return Record("ledger", 1, "ledger#1", AT, kind, {"stream": STREAM, **body}, GENESIS)  # type: ignore[dict-item]


def tell(cursor: Cursor, kind: str, **body: object) -> None:
    cursor.settle(LEDGER, Position(cursor.ledger.offset + 1), word(kind, **body))


def test_stream_is_followed_from_its_announcement_to_its_seal() -> None:
    """A stream is followed once the ledger names it, until everything that its seal counts is settled."""
    cursor = Cursor()
    assert list(cursor.positions()) == [(LEDGER, Position())]
    tell(cursor, "stream.announced")
    cursor.settle(STREAM, Position(100, 1), None)
    assert dict(cursor.positions())[STREAM] == Position(100, 1)
    tell(cursor, "stream.sealed", size=2, checkpoints=[2])
    cursor.settle(STREAM, Position(200, 2), None)
    assert STREAM in cursor.followed
    cursor.settle(STREAM, Position(200, 2, 2), None)
    assert (dict(cursor.followed), cursor.finished) == ({}, {STREAM: Position(200, 2, 2)})


def test_resumed_stream_goes_on_where_it_ended() -> None:
    """A sealed stream that is announced again is followed from its old place, not from its beginning."""
    cursor = Cursor()
    tell(cursor, "stream.announced")
    cursor.settle(STREAM, Position(200, 2), None)
    tell(cursor, "stream.sealed", size=2, checkpoints=[])
    assert not cursor.followed
    tell(cursor, "stream.announced")
    assert cursor.followed[STREAM] == Followed(Position(200, 2))
    tell(cursor, "stream.announced")
    assert cursor.followed[STREAM] == Followed(Position(200, 2))


def test_absent_stream_is_not_waited_for() -> None:
    """A stream that never came to be is followed no longer."""
    cursor = Cursor()
    tell(cursor, "stream.announced")
    tell(cursor, "stream.absent")
    assert not cursor.followed


def test_cursor_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that are over are forgotten at last."""
    monkeypatch.setattr(cursor_module, "KEPT_FINISHED", 3)
    cursor = Cursor()
    for number in range(10):
        cursor.settle(LEDGER, Position(), word("stream.announced", stream=f"{number}.jsonl"))
        cursor.settle(LEDGER, Position(), word("stream.sealed", stream=f"{number}.jsonl", size=0, checkpoints=[]))
    assert list(cursor.finished) == ["7.jsonl", "8.jsonl", "9.jsonl"]


@pytest.mark.parametrize(
    "body",
    [{"stream": 3}, {"stream": LEDGER}, {"stream": STREAM, "size": "2"}, {"stream": STREAM, "size": True}],
)
def test_strange_words_of_the_ledger(body: dict[str, object]) -> None:
    """What the ledger can't mean changes nothing."""
    cursor = Cursor()
    tell(cursor, "stream.announced")
    for kind in ("stream.announced", "stream.sealed", "stream.unheard"):
        cursor.settle(LEDGER, Position(1), word(kind, **body))
    assert cursor.followed == {STREAM: Followed()}


positions = st.builds(Position, *[st.integers(0, 2**50)] * 3)
names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


@given(st.dictionaries(names, positions), st.dictionaries(names, positions), positions, st.text(max_size=20))
def test_state_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory,
    followed: dict[str, Position],
    finished: dict[str, Position],
    ledger: Position,
    trouble: str,
) -> None:
    """What is saved is loaded."""
    path = tmp_path_factory.getbasetemp() / "state" / "siem.json"
    state = State("origin", trouble=trouble)
    state.cursor.ledger, state.cursor.finished = ledger, finished
    state.cursor.followed = {name: Followed(one, one.seq, one.checkpoint) for name, one in followed.items()}
    save(path, state)
    kept = load(path, "origin")
    assert (kept.trouble, vars(kept.cursor)) == (trouble, vars(state.cursor))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"version": 1}', '{"version": 2, "ledger_origin": "origin"}', "\xff", "[" * 100_000],
)
def test_unusable_state_begins_anew(tmp_path: Path, text: str) -> None:
    """A cursor that can't be read loses nothing: everything is sent again."""
    path = state_path(tmp_path, "siem")
    path.parent.mkdir()
    path.write_text(text)
    assert load(path, "origin").cursor.ledger == Position()


def test_cursor_of_another_journal_begins_anew(tmp_path: Path) -> None:
    """A cursor of another journal says nothing here."""
    path = state_path(tmp_path, "siem")
    state = State("one")
    state.cursor.ledger = Position(9, 1)
    save(path, state)
    assert load(path, "another").cursor.ledger == Position()
    assert load(path, "one").cursor.ledger == Position(9, 1)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "ledger": [-1, True, 0]}))
    assert load(path, "one").cursor.ledger == Position()


def test_full_disk_is_said(tmp_path: Path) -> None:
    """A cursor that can't be written is an error that says what follows from it."""
    (tmp_path / ".ship").write_text("not a directory")
    with pytest.raises(UnwritableCursor, match="sent again"):
        save(state_path(tmp_path, "siem"), State("origin"))


def test_an_empty_stream_is_over_with_its_checkpoint() -> None:
    """Its play was killed before its first record: what says that it was empty is to be shipped, too."""
    cursor = Cursor()
    tell(cursor, "stream.announced")
    tell(cursor, "stream.sealed", size=0, checkpoints=[0])
    assert STREAM in cursor.followed
    cursor.settle(STREAM, Position(0, 0, 0), None)
    assert cursor.finished == {STREAM: Position(0, 0, 0)}


def test_a_place_before_every_checkpoint_is_kept(tmp_path: Path) -> None:
    """It is another place than one after the checkpoint of no record."""
    state = load(tmp_path / "s", "one")
    tell(state.cursor, "stream.announced")
    tell(state.cursor, "stream.sealed", size=0, checkpoints=[0])
    save(tmp_path / "s", state)
    assert load(tmp_path / "s", state.ledger_origin).cursor.followed == state.cursor.followed
