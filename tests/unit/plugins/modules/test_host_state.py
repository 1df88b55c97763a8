# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of itself before and after a restart: who blocks it, since when it runs, what has failed."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.modules.host_state import (
    SilentSystemd,
    age,
    blocking_locks,
    is_locked,
    names,
    planned_shutdown,
)

if TYPE_CHECKING:
    from pathlib import Path


def _answer(*rows: tuple[str, str, str, str, int, int]) -> str:
    return json.dumps({"type": "a(ssssuu)", "data": [[list(row) for row in rows]]})


def test_only_locks_that_block_a_shutdown_count() -> None:
    """Delays and locks of keys or sleep are none; what a program says of itself is not repeated, but for its name."""
    answer = _answer(
        ("shutdown", "backup", "secret text", "block", 0, 1),
        ("sleep:shutdown", "copy\x1b[31m\u0430", "", "block", 0, 2),
        ("shutdown", "network", "", "delay", 0, 3),
        ("handle-power-key:sleep", "desktop", "", "block", 0, 4),
        ("shutdown", "x" * 100, "", "block", 0, 5),
        ("shutdown", "", "", "block", 0, 6),
    )
    assert blocking_locks(answer) == ["backup", "copy[31m", "x" * 40, "a program without a name"]
    assert blocking_locks(_answer()) == []


@pytest.mark.parametrize("answer", ["", "{}", '{"data": []}', '{"data": [[1]]}', '{"data": [[["a"]]]}'])
def test_an_answer_that_is_not_understood_is_no_answer(answer: str) -> None:
    """Nobody is taken to block nothing because the form has changed."""
    with pytest.raises(SilentSystemd):
        blocking_locks(answer)


def test_a_planned_shutdown_has_a_time() -> None:
    """As systemd-logind writes it; everything else is none."""
    assert planned_shutdown("USEC=1795784400000000\nWARN_WALL=1\nMODE=reboot\n") == 1795784400
    assert planned_shutdown("") == planned_shutdown("USEC=soon\n") == 0


def test_the_age_is_that_of_systemd() -> None:
    """In seconds, by the monotonic clock; a systemd that does not say is refused."""
    assert age("5000000\n", 65.9) == 60
    assert age("70000000", 65.0) == 0
    with pytest.raises(SilentSystemd):
        age("", 1.0)


def test_units_are_named_in_order() -> None:
    """The first word of each line."""
    assert names("b.service loaded failed failed B\na.timer loaded failed failed A\n\n") == ["a.timer", "b.service"]


def test_a_lock_of_another_process_is_seen_and_none_is_taken(tmp_path: Path) -> None:
    """As apt holds it; a file that is not there is not locked."""
    path = tmp_path / "lock"
    path.touch()
    holds = (
        f"import fcntl; f = open({str(path)!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert is_locked(str(path))
        process.communicate("\n")
    assert not is_locked(str(path))
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not is_locked(str(tmp_path / "none"))
