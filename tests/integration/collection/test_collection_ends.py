# SPDX-License-Identifier: GPL-3.0-or-later
"""However a run ends, its grant ends with it: token, connections, processes, files; and the journal says how."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import GRANT, PROVEN, REFUSED, UNRECORDABLE, await_truth, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.collection.operator_run import OperatorRun

# It takes signals as a stubborn repair would: only SIGKILL ends it.
STUBBORN = """
    - name: Work for a while
      ansible.builtin.shell: |
        trap '' INT TERM HUP
        touch {started}
        for turn in $(seq 600); do test -e {go_on} && break; sleep 0.05; done
        touch {finished}
    - name: Go on
      ansible.builtin.command: touch {next}
"""


class Working:
    """A run that has its grant open and is in the middle of a task on a local connection."""

    def __init__(self, run: OperatorRun) -> None:
        self.run = run
        names = ("started", "finished", "go_on", "next")
        self.started, self.finished, self.go_on, self.next = (run.directory / name for name in names)
        tasks = STUBBORN.format(started=self.started, finished=self.finished, go_on=self.go_on, next=self.next)
        self.main = run.start(str(run.write("play.yml", play(GRANT + tasks))))
        await_truth(self.started.exists)
        (self.accessor,) = run.minted()
        self.guard = run.guard()


def _assert_all_is_gone(run: OperatorRun, accessor: str) -> None:
    await_truth(lambda: not run.token_lives(accessor))
    run.assert_nothing_left()
    assert run.verified().exit_code == 0, run.verified().text()


def _signal_main(number: signal.Signals) -> Callable[[Working], None]:
    return lambda working: os.kill(working.main.pid, number)


def _signal_group(number: signal.Signals) -> Callable[[Working], None]:
    return lambda working: os.killpg(working.main.pid, number)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(_signal_group(signal.SIGINT), id="interrupt"),
        pytest.param(_signal_main(signal.SIGTERM), id="terminate"),
        pytest.param(_signal_group(signal.SIGHUP), id="hang-up"),
        pytest.param(_signal_main(signal.SIGKILL), id="kill"),
        pytest.param(_signal_group(signal.SIGKILL), id="kill-group"),
    ],
)
def test_a_signal_ends_the_grant_the_task_and_the_traces(run: OperatorRun, end: Callable[[Working], None]) -> None:
    """Whatever signal ends Ansible, its task does not finish, its token is gone, its journal is sealed and says so."""
    working = Working(run)
    end(working)
    working.main.wait(20)
    _assert_all_is_gone(run, working.accessor)
    assert not working.finished.exists()
    assert run.kinds()[-2:] == ["run.died", "grant.revoked"]
    assert run.bodies("grant.revoked")[0]["accessor"] == working.accessor
