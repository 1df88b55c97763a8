# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a session as asciicast v2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record, parse

from breakglass.sessions.cast import NoCast, cast, pieces, pieces_of, verified_of
from breakglass.sessions.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

NAME = "2026/11/27/INC-7K3M/session-1"
ABOUT = {"person": "ada", "host": "web1", "user": "breakglass", "columns": 100, "rows": 30, "terminal": "xterm"}


def recorded(directory: Path) -> list[Record]:
    """A session whose output is cut in the middle of a character, and ends in the middle of another."""
    recording = Recording(directory, NAME)
    recording.opened(ABOUT)
    for said in (b"caf\xc3", b"\xa9\r\n", b"\xff\xe6\xbc"):
        recording.output(said)
    recording.resized(120, 40)
    recording.told("*** breakglass: 1 minute left.")
    recording.ended({"why": "it came to its end", "proven": True, "status": 0})
    recording.close()
    return [parse(line) for line in (directory / f"{NAME}.jsonl").read_bytes().splitlines()]


def test_it_has_a_header_and_an_event_for_each_piece(tmp_path: Path) -> None:
    """Characters are whole, what is none is replaced; sizes and what the runner said are in it, too."""
    header, *events = [json.loads(line) for line in cast(recorded(tmp_path))]
    assert (header["version"], header["width"], header["height"]) == (2, 100, 30)
    assert (header["title"], header["env"]) == ("INC-7K3M: ada on web1 as breakglass", {"TERM": "xterm"})
    assert "".join(text for _, code, text in events[:3] if code == "o") == "café\r\n\ufffd"
    assert ("r", "120x40") in [(code, text) for _, code, text in events]
    assert any("1 minute left" in text for _, code, text in events if code == "o")
    assert events[-1][2] == "\ufffd"


def test_nothing_in_it_has_no_header_of_its_own() -> None:
    """A stream that was made and never written."""
    assert [json.loads(line)["version"] for line in cast([])] == [2]


def test_what_is_sent_is_read_as_it_was(tmp_path: Path) -> None:
    """The pieces of the lines are those of the records, and the runner's word is in the header, where nothing moves a cursor."""
    record = recorded(tmp_path)
    lines = list(cast(record, "intact\x1b[2J"))
    assert verified_of(lines[0]) == "intact\\x1b[2J"
    there, here = list(pieces_of(lines[1:])), list(pieces(record))
    assert [(one.code, one.text) for one in there] == [(one.code, one.text) for one in here]
    assert [one.seconds for one in there] == pytest.approx([one.seconds for one in here], abs=1e-5)


@pytest.mark.parametrize(
    "line", ["", "[", "[1]", '[1,"o"]', '["1","o","x"]', '[1,"o",2]', "{}", '{"version":1}', "[" * 5000]
)
def test_what_is_no_recording_is_refused(line: str) -> None:
    """As a header, and as an event."""
    with pytest.raises(NoCast):
        verified_of(line)
    with pytest.raises(NoCast):
        list(pieces_of([line]))
