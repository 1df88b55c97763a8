# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream of a run's credentials: beside the run's own, named by the ledger, read as far as it was acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import (
    Register,
    credential_stream,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.findings import State
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import ANNOUNCED, Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import ChangedStream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from tests.support.live_run import STREAM, LiveRun, live_run

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "2026/11/22/RUN-TEST0001/credentials-1"


@pytest.fixture
def running() -> Iterator[LiveRun]:
    with live_run() as run:
        yield run


def announced(running: LiveRun) -> list[str]:
    lines = (running.live.journal / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    return [one["body"]["stream"] for one in map(json.loads, lines) if one["kind"] == ANNOUNCED]


def test_it_stands_beside_the_stream_of_its_play() -> None:
    """Same directory, same number; also for a stream at the top of the journal."""
    assert credential_stream(STREAM) == OURS
    assert credential_stream("a/play-12") == "a/credentials-12"
    assert credential_stream("play-1") == "credentials-1"


def test_nothing_asked_for_is_no_stream(running: LiveRun) -> None:
    """Reading makes no file."""
    assert running.records == []
    assert not running.register.path.exists()


def test_the_ledger_names_it_before_it_is_there(running: LiveRun) -> None:
    """Once, by the first record; a stream that the runner has announced is not announced again."""
    running.register.write(ASKED, {"credential": "a"})
    running.register.write(OBTAINED, {"credential": "a"})
    assert announced(running) == [f"{OURS}.jsonl"]
    assert running.kinds == [ASKED, OBTAINED]


def test_a_stream_of_a_runner_is_not_announced_again(running: LiveRun) -> None:
    """Under a runner only its own hand writes to the ledger."""
    Ledger.open(running.live.journal).announce(Path(f"{OURS}.jsonl"), OURS)
    Register(running.live.journal, STREAM, announced=True).write(ASKED, {"credential": "a"})
    assert announced(running) == [f"{OURS}.jsonl"]


def test_a_crash_between_announcement_and_first_record_is_survived(running: LiveRun) -> None:
    """The next writer announces it again, writes, and the journal still verifies."""
    Ledger.open(running.live.journal).announce(Path(f"{OURS}.jsonl"), OURS)
    running.register.write(ASKED, {"credential": "a"})
    assert running.kinds == [ASKED]
    assert verify(running.live.journal, (), None).verdict is not State.CHANGED


def test_half_a_line_was_never_acknowledged(running: LiveRun) -> None:
    """It is not read, and the next record cuts it off."""
    running.register.write(ASKED, {"credential": "a"})
    with running.register.path.open("ab") as file:
        file.write(b'{"at":"2026')
    assert running.kinds == [ASKED]
    running.register.write(OBTAINED, {"credential": "a"})
    assert [kind for kind in running.kinds if kind.startswith("credential.")] == [ASKED, OBTAINED]


@pytest.mark.parametrize("text", [b"{}\n", b"nonsense\n", b"[]\n", b"\xff\n", b"\n"])
def test_a_changed_stream_can_not_be_told(running: LiveRun, text: bytes) -> None:
    """What a grant holds is not guessed from a stream that somebody has changed."""
    running.register.write(ASKED, {"credential": "a"})
    with running.register.path.open("ab") as file:
        file.write(text)
    with pytest.raises(ChangedStream):
        running.register.read()
    with pytest.raises(BreakglassError):
        running.register.write(OBTAINED, {"credential": "a"})


def test_without_a_ledger_nothing_is_written(running: LiveRun) -> None:
    """A journal whose ledger is gone takes no credentials."""
    (running.live.journal / "ledger.jsonl").unlink()
    with pytest.raises(BreakglassError):
        running.register.write(ASKED, {"credential": "a"})
    assert not running.register.path.exists()
