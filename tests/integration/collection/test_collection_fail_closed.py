# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be recorded is not done: the run ends with return code 97 and no further task."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import GRANT, PROVEN, UNRECORDABLE, await_truth, play

if TYPE_CHECKING:
    from tests.integration.collection.operator_run import OperatorRun

REPLACE = """
    - name: Put a copy in the place of the stream
      ansible.builtin.shell: for file in {journal}/*/*/*/*/play-1.jsonl; do cp $file $file.x && mv $file.x $file; done
"""
WORK = """
    - name: Work until told
      ansible.builtin.shell: touch {started}; until test -e {go_on}; do sleep 0.05; done
"""
NEXT = """
    - name: Go on
      ansible.builtin.command: touch {next}
"""


@pytest.mark.parametrize(
    ("variable", "place", "sentence"),
    [
        ("BREAKGLASS_JOURNAL", "/proc/breakglass", "/proc/breakglass"),
        ("BREAKGLASS_RUNS", "/proc/breakglass", "No directory for this run could be made below /proc/breakglass"),
        ("BREAKGLASS_RUNS", "{directory}/" + "x" * 60, "is too long for the sockets of ssh"),
    ],
)
def test_without_a_place_to_record_no_task_starts(run: OperatorRun, variable: str, place: str, sentence: str) -> None:
    """A journal or run directory that can't be used ends the run before its first task, with a sentence."""
    run.playbook(
        play(NEXT.format(next=run.directory / "next")), **{variable: place.replace("{directory}", str(run.directory))}
    )
    assert run.code == UNRECORDABLE
    assert sentence in run.text
    assert "The run ends here" in run.text
    assert "TASK" not in run.text
    assert not (run.directory / "next").exists()
    assert run.leftovers() == []


@pytest.mark.parametrize("after", [NEXT, ""], ids=["in-the-middle", "as-the-last-task"])
def test_a_stream_that_was_replaced_ends_the_run(run: OperatorRun, after: str) -> None:
    """When somebody changes the stream under the run, its result can't be recorded and nothing starts after it."""
    tasks = GRANT + REPLACE.format(journal=run.journal) + after.format(next=run.directory / "next")
    run.playbook(play(tasks))
    assert run.code == UNRECORDABLE
    assert "somebody else changed or deleted the file" in run.text
    assert "No further task will start." in run.text
    assert not (run.directory / "next").exists()
    assert run.last_line == PROVEN
    run.assert_nothing_left()


@pytest.mark.parametrize("room", [0, 10], ids=["no-byte", "half-a-record"])
def test_a_full_disk_ends_the_run_and_the_journal_stays_whole(run: OperatorRun, room: int) -> None:
    """When there is no room for a record no task starts; the guard closes, and seals what was acknowledged."""
    names = {name: run.directory / name for name in ("started", "go_on", "next")}
    main = run.start(str(run.write("play.yml", play(GRANT + (WORK + NEXT).format(**names)))))
    await_truth(names["started"].exists)
    before = run.stream().stat().st_size
    resource.prlimit(main.pid, resource.RLIMIT_FSIZE, (before + room, before + room))
    names["go_on"].touch()
    assert main.wait(30) == UNRECORDABLE
    assert not names["next"].exists()
    assert "can't be written" in run.text
    run.assert_nothing_left()
    assert run.kinds()[-1] == ("stream.recovered" if room else "task.intent")
    assert run.verified().exit_code == 0, run.verified().text()


def test_a_stream_that_never_came_to_be_is_no_missing_one(run: OperatorRun) -> None:
    """When the ledger could name the stream but its file could not be made, the verifier knows that it never was."""
    run.playbook(play(NEXT.format(next=run.directory / "first")))
    year = next(path for path in run.journal.iterdir() if path.name.isdigit())
    year.rename(run.directory / "kept")
    year.symlink_to("/proc")
    run.playbook(play(NEXT.format(next=run.directory / "second")))
    assert run.code == UNRECORDABLE
    assert not (run.directory / "second").exists()
    assert run.leftovers() == []
    year.unlink()
    (run.directory / "kept").rename(year)
    assert "MISSING" not in run.verified().text().upper()
