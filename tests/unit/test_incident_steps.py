# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an incident: told in the order of their time, once, and told on from any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import NOW, SECOND
from tests.support.journal_on_disk import append, write_stream

from breakglass.incident_steps import MOST_AT_ONCE, Steps, UnreadablePosition, position_of, position_text

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.incident_steps import Step

DIRECTORY = "2026/11/22/INC-7K2F9X"
RUNNER, PLAY = f"{DIRECTORY}/runner", f"{DIRECTORY}/play-1"
HELD = ("limits.refused", {"why": "the hold is set"})
INTENT = ("task.intent", {"task": "t-5", "name": "Restart", "action": "command", "host": "web1"})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal in which an incident has one record."""
    write_stream(tmp_path, RUNNER, [HELD])
    return tmp_path


def why(steps: list[Step]) -> list[str]:
    return [step.line.text for step in steps]


def test_what_comes_is_told_once(journal: Path) -> None:
    """From the beginning, then what is new; also of a stream that comes later, and by time."""
    steps = Steps(journal / DIRECTORY)
    assert why(steps.new()) == ["the hold is set"]
    assert steps.new() == []
    append(journal, RUNNER, "limits.refused", {"why": "third"}, NOW + 3 * SECOND)
    write_stream(journal, PLAY, [("limits.refused", {"why": "second"})])
    assert sorted(why(steps.new())) == ["second", "third"]
    assert not steps.is_over
    append(journal, RUNNER, "incident.closed", {"result": "failed", "seconds": 1.0}, NOW + 4 * SECOND)
    assert steps.new()[-1].event.kind == "incident.closed"
    assert steps.is_over


def test_the_steps_go_on_after_any_of_them(journal: Path) -> None:
    """Whoever comes again with a position hears exactly what they have not heard, by another reader of the same journal."""
    for number in range(5):
        append(journal, RUNNER, "limits.refused", {"why": f"number {number}"}, NOW + number * SECOND)
    whole = Steps(journal / DIRECTORY).new()
    for heard, step in enumerate(whole, 1):
        rest = Steps(journal / DIRECTORY, position_of(step.position)).new()
        assert why(rest) == why(whole)[heard:]


def test_a_long_incident_is_read_in_parts(journal: Path) -> None:
    """Nothing is left out, however many records there are already."""
    for number in range(MOST_AT_ONCE + 1):
        append(journal, RUNNER, "limits.refused", {"why": str(number)}, NOW + SECOND)
    steps = Steps(journal / DIRECTORY)
    first, second, third = steps.new(), steps.new(), steps.new()
    assert len(first) == MOST_AT_ONCE
    assert why(first + second) == ["the hold is set", *map(str, range(MOST_AT_ONCE + 1))]
    assert third == []


def test_before_its_first_record_there_is_nothing(tmp_path: Path) -> None:
    """Its directory comes with that."""
    steps = Steps(tmp_path / DIRECTORY)
    assert (steps.new(), steps.has_read) == ([], False)
    write_stream(tmp_path, RUNNER, [HELD])
    assert (why(steps.new()), steps.has_read) == (["the hold is set"], True)


def test_a_half_line_waits_for_its_end(journal: Path) -> None:
    """What is not acknowledged yet is not told."""
    steps, path = Steps(journal / DIRECTORY), journal / f"{RUNNER}.jsonl"
    steps.new()
    append(journal, RUNNER, "limits.refused", {"why": "later"}, NOW)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert steps.new() == []
    path.write_bytes(whole)
    assert why(steps.new()) == ["later"]


def test_a_link_is_not_followed(journal: Path, tmp_path: Path) -> None:
    """A journal has none."""
    (journal / DIRECTORY / "play-9.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Steps(journal / DIRECTORY).new()


def test_a_position_is_read_as_it_was_written() -> None:
    """Of several streams, too."""
    position = {"runner-a": 12, "play-1": 7}
    assert position_text(position) == "play-1:7,runner-a:12"
    assert position_of(position_text(position)) == position
    assert position_of("") == {}


@pytest.mark.parametrize(
    "text",
    ["runner", "runner:", ":1", "runner:x", "runner:-1", "runner:1;play:2", "runner:1,", "../x:1", "a/b:1", "a:1 ", "é:1", "a:1," * 2000 + "a:1"],
)  # fmt: skip
def test_what_is_no_position_is_refused(text: str) -> None:
    """It is a text from outside."""
    with pytest.raises(UnreadablePosition):
        position_of(text)


def test_a_record_of_two_steps_has_its_position_after_the_second(journal: Path) -> None:
    """Who comes again in between hears the record once more, not less: here the end of a play, and a task that it left open."""
    write_stream(journal, PLAY, [INTENT])
    append(journal, RUNNER, "play.ended", {"outcome": "stopped"}, NOW + 9 * SECOND)
    ended, lost = Steps(journal / DIRECTORY).new()[-2:]
    assert (ended.event.kind, lost.event.kind) == ("play.ended", "task.intent")
    assert "OUTCOME UNKNOWN" in lost.line.text
    assert (ended.position, lost.position) == ("", "play-1:1,runner:2")
