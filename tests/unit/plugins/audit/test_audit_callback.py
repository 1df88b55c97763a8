# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback fails closed: what goes wrong inside it ends the run, since Ansible would swallow it and go on."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.callback.audit import UNRECORDABLE, CallbackModule
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live

if TYPE_CHECKING:
    from collections.abc import Iterator


class Playbook:
    """As much of a playbook as is read."""

    _file_name = "/some/where/play.yml"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[CallbackModule, Path]]:
    """A callback at the start of a run, with its journal."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    for name in [name for name in os.environ if name.startswith("BREAKGLASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BREAKGLASS_JOURNAL", str(directory / "journal"))
    monkeypatch.setenv("BREAKGLASS_RUNS", str(directory / "runs"))
    monkeypatch.setenv("BREAKGLASS_RUN_MARK", "")
    callback = CallbackModule()
    callback.v2_playbook_on_start(Playbook())
    yield callback, directory
    atexit.unregister(callback._leave)
    callback._recorder.close()
    os.close(callback._run_lock)
    running = live.current()
    for end in (running.main_end, running.guard_end, running.worker_end, running.guard_worker_end):
        end.close()
    live._LIVE.clear()
    shutil.rmtree(directory)


def test_a_fault_of_the_callback_ends_the_run_before_the_task(started: tuple[CallbackModule, Path]) -> None:
    """An intent that can't even be made is not recorded, so the task does not start; nothing of the run is left."""
    callback, directory = started
    with pytest.raises(SystemExit) as end:
        callback.v2_runner_on_start(host=None, task=None)
    assert end.value.code == UNRECORDABLE
    assert list((directory / "runs").iterdir()) == []


def test_a_result_that_can_not_be_recorded_ends_the_run_at_the_next_intent(
    started: tuple[CallbackModule, Path],
) -> None:
    """The hook of a result must not raise, since that would hang the play; the next intent does."""
    callback, _ = started
    callback.v2_runner_on_ok(object())
    with pytest.raises(SystemExit) as end:
        callback.v2_playbook_on_play_start(None)
    assert end.value.code == UNRECORDABLE


@pytest.mark.parametrize("error", [AssertionError(), KeyError("secret"), OSError(28, "No space left on device")])
def test_no_kind_of_error_lets_a_task_start(
    started: tuple[CallbackModule, Path], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """An AssertionError there would make Ansible skip the task and end well; any other, go on."""
    callback, _ = started

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(callback, "_task_on", fail)
    with pytest.raises(SystemExit) as end:
        callback.v2_runner_on_start(host=None, task=None)
    assert end.value.code == UNRECORDABLE


@pytest.mark.parametrize(
    "hook",
    [
        *("v2_runner_on_ok", "v2_runner_on_failed", "v2_runner_on_unreachable", "v2_runner_on_skipped"),
        *("v2_runner_item_on_ok", "v2_runner_item_on_failed", "v2_runner_item_on_skipped", "v2_runner_retry"),
        *("v2_runner_on_async_poll", "v2_runner_on_async_ok", "v2_runner_on_async_failed", "v2_on_file_diff"),
    ],
)
def test_no_hook_of_a_result_raises(
    started: tuple[CallbackModule, Path], monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    """Raising in some of them hangs the play; what could not be recorded ends it at the next intent."""
    callback, _ = started
    monkeypatch.setattr(callback, "_with_differences", True)
    getattr(callback, hook)(object())
    with pytest.raises(SystemExit):
        callback.v2_playbook_on_play_start(None)


def test_only_strategies_that_fork_leave_the_sync_to_their_workers(started: tuple[CallbackModule, Path]) -> None:
    """Of a strategy of other people nobody knows who would bring an intent to the disk."""
    callback, _ = started
    synced: list[str] = []
    callback._recorder.record = lambda kind, _: synced.append(kind)
    callback._recorder.announce = lambda _, __: None
    for strategy in ("linear", "ansible.builtin.free", "host_pinned", "community.general.fast", "mitogen_linear"):
        callback.v2_playbook_on_play_start(Play(strategy))
        callback._intended(Host(), Task())
    assert synced == ["play.started"] * 4 + ["task.intent", "play.started", "task.intent"]


class Play:
    """As much of a play as is read."""

    _uuid = "p1"
    hosts = ("all",)

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy

    def get_name(self) -> str:
        return "Play"


class Host:
    """As much of a host as is read."""

    name = "web1"


class Task:
    """As much of a task as is read."""

    _uuid = "t1"
    action = "debug"
    no_log = False

    def get_name(self) -> str:
        return "Task"

    def get_path(self) -> str:
        return ""
