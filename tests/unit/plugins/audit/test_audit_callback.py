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
    os.close(callback._run_lock)
    for end in (live.current().main_end, live.current().guard_end):
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
