# SPDX-License-Identifier: GPL-3.0-or-later
"""A command under a grant: its status is ours, its signals too, and it is warned of the end."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import carriers, end_all

from breakglass.client.commanding import UnusableCommand, run

LONG = 3600.0


def said_by(script: str, seconds: float = LONG) -> tuple[int, list[str]]:
    """Its status, and what was told meanwhile."""
    told: list[str] = []
    environment = {**os.environ, "OF_THIS_TEST": f"{os.getpid()}-{len(script)}"}
    alive = partial(carriers, "OF_THIS_TEST", environment["OF_THIS_TEST"])
    command, ends_at = ["/bin/sh", "-c", script], time.monotonic() + seconds
    status = run(command, environment, ends_at, told.append, lambda: end_all(alive, LONG))
    assert alive() == set()
    return status, told


def test_its_exit_status_is_passed_on() -> None:
    """Also that of one that died by a signal, as shells say it."""
    assert said_by("exit 0")[0] == 0
    assert said_by("exit 7")[0] == 7
    assert said_by("kill -KILL $$")[0] == 128 + signal.SIGKILL


def test_a_signal_to_us_is_the_commands() -> None:
    """It decides what comes of it; afterwards signals are ours again."""
    before = signal.getsignal(signal.SIGTERM)
    assert said_by(f"trap 'exit 9' TERM; kill -TERM {os.getpid()}; while :; do sleep 0.05; done")[0] == 9
    assert said_by(f"kill -INT {os.getpid()}; exit 4")[0] == 4
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_is_warned_and_ended_at_the_end() -> None:
    """One minute before; a time box that is shorter than a warning has none."""
    status, told = said_by("sleep 0.6; exit 3", 60.2)
    assert (status, told) == (3, ["*** breakglass: 1 minute left. Then the command ends, and all is revoked."])
    status, told = said_by("exec sleep 5", 0.3)
    assert (status, told) == (143, ["*** breakglass: the time box is over; the command is ended."])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it is left running on purpose
def test_what_can_not_be_ended_is_not_waited_for() -> None:
    """Such as what acts as another user: the rest is given back all the same."""
    told: list[str] = []
    environment = {**os.environ, "OF_THIS_TEST": f"{os.getpid()}-stays"}
    status = run(["sleep", "600"], environment, time.monotonic() + 0.2, told.append, lambda: None)
    alive = partial(carriers, "OF_THIS_TEST", environment["OF_THIS_TEST"])
    assert (status, len(alive())) == (143, 1)
    end_all(alive, LONG)


@pytest.mark.parametrize(("name", "why"), [("no-such-program", "No such file"), ("/etc/passwd", "Permission denied")])
def test_what_can_not_be_started_is_told(name: str, why: str) -> None:
    """With its name, and why."""
    with pytest.raises(UnusableCommand, match=why):
        run([name], dict(os.environ), time.monotonic() + LONG, lambda _text: None, list)
