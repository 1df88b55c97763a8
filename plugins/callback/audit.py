# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals every event of a run, and closes its grant at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit
type: aggregate
short_description: Journals every event of a run and closes its grant at the end
description:
  - Writes the intent of each task before the task starts and its result after, hash-chained and synced to disk.
  - If a record can't be written, no further task starts and the run ends with return code 97.
  - When the run ends, the grant that C(breakglass.remediation.grant) opened is revoked and the revocation is proven.
  - The command C(ansible) loads callbacks only with C(bin_ansible_callbacks); without that its tasks are not recorded.
  - Arguments, output and facts of tasks are never recorded; the texts that are (names, messages) are masked and capped.
  - Where the run is recorded is chosen with the environment variable E(BREAKGLASS_JOURNAL), a directory; without it
    the journal is C(~/.local/state/breakglass/journal). Secrets of the run lie below E(BREAKGLASS_RUNS) while it lasts.
author:
  - The breakglass.remediation maintainers
requirements:
  - enable in configuration
  - cryptography
  - rfc8785
version_added: 0.1.0
"""

import atexit
import os
import socket
import sys

from ansible.plugins.callback import CallbackBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.ending import Ending
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.fields import result_fields, task_fields
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.place import find_place, forsake
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.recorder import Recorder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.run_fields import run_fields
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live

UNRECORDABLE = 97  # the return code of a run that could not be recorded


class CallbackModule(CallbackBase):
    """One object in Ansible's main process; every hook used here is called there."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "breakglass.remediation.audit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._recorder = None
        self._ending = None

    def v2_playbook_on_start(self, playbook):
        try:
            self._begin(playbook)
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            self._stop(error)

    def v2_playbook_on_play_start(self, play):
        self._intent("play.started", lambda: {"play": self._text(play.get_name())})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._intent("task.started", lambda: self._task(task))

    def v2_playbook_on_handler_task_start(self, task):
        self._intent("handler.started", lambda: self._task(task))

    def v2_runner_on_start(self, host, task):
        self._intent("task.intent", lambda: {**self._task(task), "host": self._text(host.get_name())})

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats):
        self._intent("run.ended", lambda: {"hosts": self._recap(stats)})
        if self._ending is not None:
            self._ending.close()

    def _begin(self, playbook):
        place = find_place(os.environ)
        try:
            self._recorder = Recorder(place)
            # Kept open for the whole run and inherited by the workers, so that the guard can find them all; what they
            # execute is found by its environment.
            self._run_lock = os.open(place.run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            main_end, guard_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except (BreakglassError, OSError):
            forsake(place)
            raise
        os.environ.update([place.run.mark])
        self._live = live.Live(
            run=place.run,
            main_pid=os.getpid(),
            journal=place.journal,
            stream=place.stream,
            under_runner=place.under_runner,
            about=place.about,
            main_end=main_end,
            guard_end=guard_end,
        )
        self._ending = Ending(self._live, self._recorder, self._display.display)
        atexit.register(self._leave)
        live.announce(self._live)
        self._recorder.record("run.started", run_fields(playbook, place, self._recorder.redactor))

    def _leave(self):
        """Ansible's main process ends by itself: when its last hook was not called, it was interrupted."""
        if os.getpid() == self._live.main_pid:
            self._ending.stop("Ansible ended before its run did: it was interrupted, or met an error of its own.")

    def _recap(self, stats):
        return {self._name(host): stats.summarize(host) for host in sorted(stats.processed)}

    def _task(self, task):
        return task_fields(task, self._recorder.redactor)

    def _text(self, text):
        return self._recorder.redactor.field(str(text), 200)

    def _name(self, host):
        return self._recorder.redactor.mask(str(host))[:200]

    def _intent(self, kind, body):
        """Record before something happens; when that fails, nothing happens any more."""
        if self._recorder is None:
            return
        try:
            self._recorder.record(kind, body())
            self._ending.check_guard()
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            self._stop(error)

    def _result(self, status, result):
        """Record what happened; a failure here stops the run at the next intent."""
        if self._recorder is None:
            return
        try:
            self._recorder.learn_secrets()
            self._recorder.record("task.result", self._outcome(status, result))
            self._ending.announce()
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            sentence = _sentence(error)
            self._recorder.fail(BreakglassError(sentence))
            self._display.error(f"breakglass: {sentence} No further task will start.")

    def _outcome(self, status, result):
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        values = getattr(result, "result", None) or result._result
        values = {**values, "failed": status in ("failed", "ignored", "unreachable")}  # Ansible takes the word out
        fields = result_fields(task.action, values, self._recorder.redactor)
        return {"task": task._uuid, "host": self._text(host.get_name()), "status": status, **fields}

    def _stop(self, error):
        sentence = _sentence(error)
        self._display.error(f"breakglass: {sentence} The run ends here: without record and guard nothing is done.")
        if self._ending is not None:
            self._ending.stop(sentence)
        sys.exit(UNRECORDABLE)


def _sentence(error):
    """What is told of an error: texts of others could hold a secret."""
    if isinstance(error, BreakglassError):
        return str(error)
    if isinstance(error, OSError):
        return f"The run can't be recorded: {error.strerror}."
    return f"The callback audit failed, which is a fault of its own ({type(error).__name__})."
