# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's watchdog on a real host: a runner that hangs is ended and started again, and its log says where it hung."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab import cgroups
from tests.lab.deploying import READY, UNIT, answer, deploy, main_pid, records, settled, told
from tests.support.stopped_thread import bury, stopped

from breakglass.engine import TURN_SECONDS

if TYPE_CHECKING:
    from tests.lab.api import Lab
    from tests.lab.host import LabHost

WATCHDOG_SECONDS = 30  # the shortest that the role takes
NOTICED_SECONDS = TURN_SECONDS + WATCHDOG_SECONDS + 60  # a turn of the loops, the watchdog, and a start


@pytest.fixture
def deployed(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> LabHost:
    """A runner under the shortest watchdog, ready."""
    run = deploy(lab, {**runner_site, "deploy_runner_watchdog_seconds": WATCHDOG_SECONDS})
    assert run.code == 0, run.text
    assert (told(runner_host, "Type"), told(runner_host, "NotifyAccess"), told(runner_host, "StatusText")) == (
        *("notify", "main"),
        "ready",
    )
    runner_host.run(["systemctl", "reset-failed", UNIT], check=False)
    return runner_host


def pid_here(host: LabHost) -> int:
    """The runner's process as this machine numbers it."""
    for pid in cgroups.processes(host.place.name, host.name):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        if len(numbers) > 1 and numbers[-1] == main_pid(host):
            return pid
    raise AssertionError("the runner does not run")


def log_until_now(host: LabHost) -> str:
    """Where the log of the unit ends."""
    return host.run(["journalctl", "-u", UNIT, "-n", "1", "--show-cursor"]).stdout.rpartition("-- cursor: ")[2].strip()


def log_since(host: LabHost, cursor: str) -> str:
    """What the runner has logged since, and systemd about it."""
    return host.run(["journalctl", "-u", UNIT, "-o", "cat", "--no-pager", f"--after-cursor={cursor}"]).stdout


def test_a_runner_whose_work_hangs_is_started_again(deployed: LabHost) -> None:
    """Every thread but the one that answers requests is stopped by the kernel: /healthz goes on saying alive, and /readyz not ready.

    systemd ends it all the same, its log then names the loop and shows where each thread was, no core is left, and the
    next one is ready.
    """
    pid, here, begun = main_pid(deployed), pid_here(deployed), log_until_now(deployed)
    started = records(deployed).count("runner.started")
    threads = [int(task.name) for task in Path(f"/proc/{here}/task").iterdir() if int(task.name) != here]
    with ExitStack() as hang:
        for thread in threads:
            hang.enter_context(stopped(thread, lambda: answer(deployed, "healthz").endswith("200")))
        settled(deployed, lambda: told(deployed, "StatusText").startswith("The runner hangs: "), NOTICED_SECONDS)
        assert answer(deployed, "healthz") == "alive\n 200"
        assert main_pid(deployed) == pid

        def is_another() -> bool:
            bury(threads)
            return main_pid(deployed) not in (pid, "0")

        settled(deployed, is_another, NOTICED_SECONDS)
    settled(deployed, lambda: answer(deployed, "readyz") == READY, NOTICED_SECONDS)
    assert told(deployed, "NRestarts") == "1"
    said = log_since(deployed, begun)
    assert re.search("The runner hangs: the (dispatcher of its engine|keeper of its leases) has not turned", said)
    assert "Watchdog timeout (limit 30s)!" in said
    assert "Fatal Python error: Aborted" in said
    assert 'engine.py", line' in said
    assert "Main process exited, code=killed, status=6/ABRT" in said  # and not: dumped
    assert records(deployed).count("runner.started") == started + 1


def test_a_runner_that_is_frozen_is_started_again(deployed: LabHost) -> None:
    """A process that does nothing at all any more is ended and started again, and then ready."""
    pid, begun = main_pid(deployed), log_until_now(deployed)
    deployed.run(["kill", "-STOP", pid])
    settled(deployed, lambda: main_pid(deployed) not in (pid, "0"), NOTICED_SECONDS)
    settled(deployed, lambda: answer(deployed, "readyz") == READY, NOTICED_SECONDS)
    assert "Watchdog timeout (limit 30s)!" in log_since(deployed, begun)


def test_a_stop_is_not_taken_for_a_hang(deployed: LabHost) -> None:
    """A stop drains in good order, and systemd neither ends it early nor starts it again."""
    deployed.run(["systemctl", "stop", UNIT], timeout=150)
    assert (told(deployed, "Result"), told(deployed, "ActiveState")) == ("success", "inactive")
    assert records(deployed)[-1] == "runner.stopped"
