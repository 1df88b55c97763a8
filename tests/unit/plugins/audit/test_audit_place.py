# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run is recorded: below the user's state directory, where the environment says, or where the runner told."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.place import (
    UntoldStory,
    find_place,
    forsake,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def home() -> Iterator[Path]:
    """A short-named home directory."""
    path = Path(tempfile.mkdtemp(prefix="bg-"))
    yield path
    shutil.rmtree(path)


def test_a_run_without_a_runner_is_announced_before_it_is_recorded(home: Path) -> None:
    """The ledger names the stream before its file is there, and two runs have two streams."""
    environment = {"HOME": str(home), "BREAKGLASS_RUNS": str(home / "r")}
    first, second = find_place(environment), find_place(environment)
    assert first.stream != second.stream
    assert not first.under_runner
    assert first.path == home / ".local/state/breakglass/journal" / f"{first.stream}.jsonl"
    ledger = (first.journal / "ledger.jsonl").read_text(encoding="utf-8")
    assert first.stream in ledger
    assert second.stream in ledger


def test_a_run_that_could_not_begin_leaves_no_directory_and_no_riddle(home: Path) -> None:
    """Its run directory is wiped, and the ledger says that its stream never came to be."""
    place = find_place({"HOME": str(home), "BREAKGLASS_RUNS": str(home / "r")})
    forsake(place)
    assert not place.run.root.exists()
    last = json.loads((place.journal / "ledger.jsonl").read_bytes().splitlines()[-1])
    assert last["kind"] == "stream.absent"
    assert last["body"]["stream"] == f"{place.stream}.jsonl"


def test_a_journal_that_can_not_be_used_leaves_no_directory(home: Path) -> None:
    """When the ledger refuses, the run directory that was made for the run is gone again."""
    (home / "journal").touch()
    environment = {"HOME": str(home), "BREAKGLASS_RUNS": str(home / "r"), "BREAKGLASS_JOURNAL": str(home / "journal")}
    with pytest.raises(BreakglassError):
        find_place(environment)
    assert list((home / "r").iterdir()) == []


def test_the_runner_tells_where_its_runs_are_recorded(home: Path) -> None:
    """Journal, stream and story come from the file that it left in the run directory, which is not ours to wipe."""
    run = RunDirectory.create(home / "r")
    story = {"journal": str(home / "j"), "stream": "a/play-1", "incident": "INC-1", "attempt": 2, "other": "x"}
    run.write_json(run.story, story)
    place = find_place({"BREAKGLASS_RUN_DIR": str(run.root)})
    assert (place.journal, place.stream, place.under_runner) == (home / "j", "a/play-1", True)
    assert place.about == {"incident": "INC-1", "attempt": "2"}
    forsake(place)
    assert run.root.exists()


def test_a_runner_that_tells_nothing_is_refused(home: Path) -> None:
    """A run directory without a story is no run of a runner."""
    run = RunDirectory.create(home / "r")
    with pytest.raises(UntoldStory, match="Unset it, unless the runner started this"):
        find_place({"BREAKGLASS_RUN_DIR": str(run.root)})
