# SPDX-License-Identifier: GPL-3.0-or-later
"""However a run ends, its grant ends with it: token, connections, processes, files; and the journal says how."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from tests.integration.collection.operator_run import GRANT, PROVEN, REFUSED, await_truth, play

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
    """A run that has its grant open, and works for a while on a local connection."""

    def __init__(self, run: OperatorRun, grant: str = GRANT) -> None:
        self.run = run
        names = ("started", "finished", "go_on", "next")
        self.started, self.finished, self.go_on, self.next = (run.directory / name for name in names)
        tasks = STUBBORN.format(started=self.started, finished=self.finished, go_on=self.go_on, next=self.next)
        self.main = run.start(str(run.write("play.yml", play(grant + tasks))))
        await_truth(lambda: list(run.journal.rglob("play-1.jsonl")) and run.bodies("grant.opened"))
        self.accessor = str(run.bodies("grant.opened")[0]["accessor"])


def _in_the_middle(run: OperatorRun) -> Working:
    """A run whose task has begun."""
    working = Working(run)
    await_truth(working.started.exists)
    assert run.minted() == {working.accessor}
    return working


def _assert_all_is_gone(run: OperatorRun, accessor: str) -> None:
    await_truth(lambda: not run.token_lives(accessor))
    run.assert_nothing_left()
    assert run.verified().exit_code == 0, run.verified().text()


def _signal_main(number: signal.Signals) -> Callable[[Working], None]:
    return lambda working: os.kill(working.main.pid, number)


def _signal_group(number: signal.Signals) -> Callable[[Working], None]:
    return lambda working: os.killpg(working.main.pid, number)


@pytest.mark.parametrize(
    ("end", "recorded"),
    [
        pytest.param(_signal_group(signal.SIGINT), "run.stopped", id="interrupt"),
        pytest.param(_signal_main(signal.SIGTERM), "run.died", id="terminate"),
        pytest.param(_signal_group(signal.SIGHUP), "run.died", id="hang-up"),
        pytest.param(_signal_main(signal.SIGKILL), "run.died", id="kill"),
        pytest.param(_signal_group(signal.SIGKILL), "run.died", id="kill-group"),
    ],
)
def test_a_signal_ends_the_grant_the_task_and_the_traces(
    run: OperatorRun, end: Callable[[Working], None], recorded: str
) -> None:
    """Whatever signal ends Ansible, its task does not finish, its token is gone, its journal is sealed and says so."""
    working = _in_the_middle(run)
    end(working)
    working.main.wait(20)
    _assert_all_is_gone(run, working.accessor)
    assert not working.finished.exists()
    assert run.kinds()[-2:] == [recorded, "grant.revoked"]
    assert run.bodies("grant.revoked")[0]["accessor"] == working.accessor
    assert run.bodies(recorded)[0]["tasks_in_flight"] == "outcome unknown"
    assert recorded == "run.died" or run.last_line == PROVEN  # who pressed Ctrl-C reads the proof


@pytest.mark.parametrize(
    ("task", "code"),
    [
        pytest.param("ansible.builtin.command: 'true'", 0, id="normal"),
        pytest.param("ansible.builtin.command: 'false'", REFUSED, id="failed"),
    ],
)
def test_a_run_that_ends_by_itself_revokes_and_says_so_last(run: OperatorRun, task: str, code: int) -> None:
    """A good end and a failed task both close the grant at once, and the proof is the last line."""
    run.playbook(play(f"{GRANT}    - name: The work\n      {task}\n"))
    assert (run.code, run.last_line) == (code, PROVEN)
    (opened,) = run.bodies("grant.opened")
    assert run.kinds()[-2:] == ["run.ended", "grant.revoked"]
    _assert_all_is_gone(run, str(opened["accessor"]))


def test_an_unreachable_host_ends_the_grant_too(run: OperatorRun) -> None:
    """A host that nobody can reach fails the run, and the grant is closed."""
    unreachable = play("    - name: Ask\n      ansible.builtin.ping:\n", "far", "  remote_user: nobody\n")
    inventory = run.write("far.yml", "all: {hosts: {far: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n")
    text = play(GRANT) + unreachable.removeprefix("---\n").replace("connection: local", "connection: ssh")
    run.playbook(text, "-i", str(inventory))
    assert (run.code, run.last_line) == (4, PROVEN)
    assert run.results()["Ask"] == ["unreachable"]
    _assert_all_is_gone(run, str(run.bodies("grant.opened")[0]["accessor"]))


def test_an_error_of_ansible_itself_ends_the_grant_too(run: OperatorRun) -> None:
    """When Ansible gives up without its last hook, the grant is closed, and the journal says that the run was cut."""
    second = "- hosts: localhost\n  gather_facts: false\n  strategy: no_such_strategy\n  tasks: []\n"
    run.playbook(play(GRANT) + second)
    assert run.code not in {0, REFUSED}
    assert run.last_line == PROVEN
    assert run.kinds()[-2:] == ["run.stopped", "grant.revoked"]
    _assert_all_is_gone(run, str(run.bodies("grant.opened")[0]["accessor"]))


def test_without_its_guard_a_run_is_ended_by_the_process_behind_it(run: OperatorRun) -> None:
    """When the guard is killed, its stand-in ends the task in flight, proves that the grant is gone, and records both."""
    working = _in_the_middle(run)
    os.kill(run.guard(), signal.SIGKILL)
    assert working.main.wait(20) != 0
    _assert_all_is_gone(run, working.accessor)
    assert not working.finished.exists()
    assert not working.next.exists()
    assert run.kinds()[-2:] == ["run.died", "grant.revoked"]
    assert run.bodies("grant.revoked")[0]["proven"] is True


def test_a_guard_that_is_told_to_close_closes_and_the_run_stops(run: OperatorRun) -> None:
    """SIGTERM to the guard revokes the grant in the middle of a task; no other task starts."""
    working = _in_the_middle(run)
    os.kill(run.guard(), signal.SIGTERM)
    await_truth(lambda: not run.token_lives(working.accessor))
    working.go_on.touch()
    assert working.main.wait(20) != 0
    assert not working.next.exists()
    assert "was told to close it" in run.text
    assert run.last_line == PROVEN
    assert run.kinds()[-2:] == ["run.stopped", "grant.revoked"]
    _assert_all_is_gone(run, working.accessor)


def test_a_run_stops_when_its_time_box_is_over(run: OperatorRun) -> None:
    """After the time box no task starts, and the run says why."""
    working = Working(run, GRANT.replace("5m", "3s"))
    await_truth(lambda: not run.token_lives(working.accessor))
    working.go_on.touch()
    assert working.main.wait(20) != 0
    assert "The time box of this run's grant is over" in run.text
    assert run.last_line == PROVEN
    assert not working.next.exists()
    _assert_all_is_gone(run, working.accessor)


def test_with_both_guards_and_run_killed_only_the_time_box_is_left(run: OperatorRun) -> None:
    """When nobody is left to close, the token stands in the run's 0700 directory and dies with its box; so it is said."""
    working = _in_the_middle(run)
    guard = run.guard()
    (behind,) = map(int, Path(f"/proc/{guard}/task/{guard}/children").read_text().split())
    for pid in (behind, guard):
        os.kill(pid, signal.SIGKILL)
    os.killpg(working.main.pid, signal.SIGKILL)
    working.main.wait(20)
    (left,) = run.leftovers()
    assert left.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in left.iterdir() if path.is_file()} == {0o600}
    assert {"token", "grant.json"} <= {path.name for path in left.iterdir()}
    with run.admin() as admin:
        facts = admin.ask("auth/token/lookup-accessor", {"accessor": working.accessor})["data"]
    assert facts["explicit_max_ttl"] == 300  # type: ignore[index,call-overload]
    assert facts["renewable"] is False  # type: ignore[index,call-overload]


def test_no_connection_of_a_killed_run_stays(run: OperatorRun) -> None:
    """The ssh master that would let the next run in without a certificate ends with the run that made it."""
    started = run.directory / "started"
    slow = f"""
  tasks:
    - name: Work there
      ansible.builtin.shell: touch {started}; sleep 60
"""
    book = Path(site_playbooks(), "remediate.yml").read_text(encoding="utf-8")
    main = run.start(
        str(run.write("play.yml", book.partition("\n  tasks:")[0] + slow)),
        *("-l", "web1", "-e", "remediate_role=none", "-e", "remediate_access=web-operator", "-e", "remediate_reason=x"),
    )
    await_truth(started.exists)
    (accessor,) = run.minted()
    sockets = list(run.runs.glob("*/control/*"))
    assert sockets
    assert [line for line in run.processes().values() if "[mux]" in line]
    os.kill(main.pid, signal.SIGKILL)
    main.wait(20)
    _assert_all_is_gone(run, accessor)
    assert "for web1 expires at" in str(run.bodies("grant.revoked")[0]["remains"])


def site_playbooks() -> Path:
    """The playbooks of this checkout."""
    return Path(__file__).parents[3] / "playbooks"


def test_a_run_is_signed_while_it_goes_on(run: OperatorRun) -> None:
    """A checkpoint of its stream is on the disk and anchored before it ends, and the whole verifies afterwards."""
    working = _in_the_middle(run)
    origin = run.stream().relative_to(run.journal).with_suffix("").as_posix()
    with run.admin() as admin:
        await_truth(lambda: VaultAnchors(admin).newest(origin))
    assert list(run.journal.rglob("play-1.*.checkpoint"))
    assert run.token_lives(working.accessor)
    assert not working.finished.exists()
    working.go_on.touch()
    assert working.main.wait(60) == 0
    _assert_all_is_gone(run, working.accessor)
