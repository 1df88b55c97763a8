# SPDX-License-Identifier: GPL-3.0-or-later
"""Every process of a run is found, also one whose parent died and one in a session of its own, and every one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.line import is_alive
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import (
    Kin,
    carriers,
    descendants,
    end_all,
    holders,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
# A child in a session of its own, whose parent ends at once.
ORPHAN = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.DEVNULL, start_new_session=True).pid, flush=True)
"""

Start = "Callable[..., subprocess.Popen[str]]"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python program and wait for its first line; what is left is killed afterwards."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str, **options: object) -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
        started.append(child)
        return child  # type: ignore[no-any-return]

    yield begin
    for child in started:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def _first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_who_holds_the_lock_open_is_found_whoever_started_it(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A process with the file open is a holder, one without is not, and this process does not count."""
    lock = tmp_path / "run.lock"
    with lock.open("w") as file:
        holder = start(WAIT, pass_fds=[file.fileno()])
        other = start(WAIT)
        assert {_first_line(holder), _first_line(other)} == {"ready"}
        assert holders(lock) == {holder.pid}
    assert holders(tmp_path / "nothing") == set()


def test_who_carries_the_mark_is_found_although_its_parent_died(start: Callable[..., subprocess.Popen[str]]) -> None:
    """An orphan in a session of its own still has the environment that it was started with."""
    mark = ("BREAKGLASS_TEST_MARK", f"{os.getpid()}-{time.monotonic_ns()}")
    parent = start(ORPHAN, env={**os.environ, mark[0]: mark[1]})
    orphan = int(_first_line(parent))
    parent.wait()
    try:
        assert carriers(*mark) == {orphan}
        assert carriers(mark[0], "another run") == set()
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_all_kin_end_but_the_spared(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """Holders, marked orphans and what is below them end, those that ignore SIGTERM too; the spared one lives."""
    mark = ("BREAKGLASS_TEST_MARK", f"{os.getpid()}-{time.monotonic_ns()}")
    lock = tmp_path / "run.lock"
    with lock.open("w") as file:
        main = start(WAIT, pass_fds=[file.fileno()])
        worker = start(STUBBORN, pass_fds=[file.fileno()], start_new_session=True)
        parent = start(ORPHAN, env={**os.environ, mark[0]: mark[1]})
        orphan = int(_first_line(parent))
        parent.wait()
        assert {_first_line(main), _first_line(worker)} == {"ready"}
    kin = Kin(lock, mark, frozenset({main.pid}))
    assert kin.alive() == {worker.pid, orphan}
    assert end_all(kin.alive, 10) == set()
    assert is_alive(main.pid)
    assert not is_alive(orphan)
    assert not is_alive(worker.pid)


def test_descendants_are_children_and_theirs(start: Callable[..., subprocess.Popen[str]]) -> None:
    """Grandchildren count, the process itself does not."""
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAIT!r}])"
    child = start(program)
    assert _first_line(child) == "ready"
    below = descendants(child.pid)
    assert len(below) == 1
    assert below < descendants(os.getpid())
    assert child.pid not in below
    with suppress(ProcessLookupError):
        os.kill(below.pop(), signal.SIGKILL)


def test_what_does_not_end_within_the_limit_is_told(start: Callable[..., subprocess.Popen[str]]) -> None:
    """A process that can't be found dead is returned, so that it can be recorded."""
    child = start(WAIT)
    assert _first_line(child) == "ready"
    assert end_all(lambda: {child.pid}, 0.01) == {child.pid}
