# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Journals every event of a run, and closes its grant at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit
type: aggregate
short_description: Journals every event of a run and closes its grant at the end
description:
  - Writes the intent of each task before the task starts and its result after, hash-chained. No task starts before
    its intent is on the disk; a result is on the disk before the next task starts, or a second later.
  - Plays and their batches, roles with the digest of their content, handlers, items of loops, retries, asynchronous
    jobs, includes, delegation, parts of blocks and meta tasks are recorded, too.
  - If a record can't be written, no further task starts and the run ends with return code 97.
  - When the run ends, the grant that C(breakglass.remediation.grant) opened is revoked and the revocation is proven.
  - The command C(ansible) loads callbacks only with C(bin_ansible_callbacks); without that its tasks are not recorded.
  - Arguments, output and facts of tasks are never recorded; the texts that are (names, messages) are masked and capped.
  - Where the run is recorded is chosen with the environment variable E(BREAKGLASS_JOURNAL), a directory; without it
    the journal is C(~/.local/state/breakglass/journal). Secrets of the run lie below E(BREAKGLASS_RUNS) while it lasts.
  - With E(BREAKGLASS_SIGNING_KEY), the file of a key that C(breakglass audit key) has made, the records of runs that open no grant
    are signed, too, and those of grants by that key instead of Vault's.
  - With E(BREAKGLASS_AUDIT_DIFF) set to V(1) the differences that tasks report are recorded too, masked and capped; those of
    tasks with C(no_log) never are.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
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
from contextlib import suppress
from datetime import datetime, timezone

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit import shipping
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.awx import in_every_record
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.differences import are_wanted, differences
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.ending import Ending
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.fields import TEXT_LIMIT
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.outcomes import Outcome
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.place import find_place, forsake
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.plays import (
    include_fields,
    play_fields,
    role_fields,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.recorder import Recorder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.refused_logins import OURS, advice_on
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.run_fields import run_fields
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.signing import scribe_for
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.tasks import (
    META,
    announced_fields,
    intent_fields,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import credential_stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import read_credential
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import UNRECORDABLE
from ansible_collections.breakglass.remediation.plugins.plugin_utils._libraries import require_libraries
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live

FORKING = frozenset(
    prefix + name for prefix in ("", "ansible.builtin.") for name in ("linear", "free", "host_pinned", "debug")
)
"""Strategies that fork a worker for each task of each host, which brings the task's intent to the disk itself."""


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
        self._batches = {}
        self._roles = set()
        self._forks = False
        self._goes_on = False
        self._told_unrecorded = False
        self._announcements = {}
        self._items = {}

    def v2_playbook_on_start(self, playbook):
        try:
            self._begin(playbook)
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            self._stop(error)

    def v2_playbook_on_play_start(self, play):
        self._intent("play.started", lambda: play_fields(play, self._batch(play), self._recorder.redactor))

    def v2_playbook_on_no_hosts_matched(self):
        self._told("play.no_hosts_matched", dict)

    def v2_playbook_on_no_hosts_remaining(self):
        self._told("play.no_hosts_remaining", dict)

    def v2_playbook_on_vars_prompt(self, varname, *_):
        self._told("variable.asked", lambda: {"name": self._text(varname)})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._announce("task.started", task)

    def v2_playbook_on_handler_task_start(self, task):
        self._announce("handler.started", task)

    def v2_playbook_on_notify(self, handler, host):
        self._told("handler.notified", lambda: self._notified(handler, host))

    def v2_playbook_on_include(self, included_file):
        self._told("tasks.included", lambda: include_fields(included_file, self._recorder.redactor))

    def v2_runner_on_start(self, host, task):
        self._must(self._intended, host, task)

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result):
        self._item("ok", result)

    def v2_runner_item_on_failed(self, result):
        self._item("failed", result)

    def v2_runner_item_on_skipped(self, result):
        self._item("skipped", result)

    def v2_runner_retry(self, result):
        self._told("task.retried", lambda: self._outcome(result).retry())

    def v2_runner_on_async_poll(self, result):
        self._told("async.polled", lambda: self._outcome(result).job())

    def v2_runner_on_async_ok(self, result):
        self._told("async.ended", lambda: {**self._outcome(result).job(), "status": "ok"})

    def v2_runner_on_async_failed(self, result):
        self._told("async.ended", lambda: {**self._outcome(result).job(), "status": "failed"})

    def v2_on_file_diff(self, result):
        if self._with_differences:
            self._told("task.changed_files", lambda: self._differences(result))

    def v2_playbook_on_stats(self, stats):
        self._intent("run.ended", lambda: {"hosts": self._recap(stats)})
        if self._ending is not None:
            self._ending.close()
            self._flush()

    def _flush(self):
        """Wait for the sinks where that is asked for, and fail the run if that is, too."""
        if self._live.under_runner or not shipping.concerns(os.environ):
            return
        streams = [self._live.stream, credential_stream(self._live.stream)]
        done = shipping.flushed(os.environ, self._live.journal, streams)
        if done.problem:
            self._complain(done.problem)
        if done.fails:
            raise SystemExit(UNRECORDABLE)

    def _begin(self, playbook):
        require_libraries()
        self._goes_on = shipping.goes_on_unrecorded(os.environ)
        place = find_place(os.environ)
        self._with_differences = are_wanted(os.environ)
        self._batches, self._roles, self._items = {}, set(), {}  # each playbook of a command line is a run of its own
        try:
            scribe = scribe_for(os.environ, place)  # a process of its own, forked before there is a thread
            self._recorder = Recorder(place)
            started = run_fields(playbook, place, self._recorder.redactor)
            self._recorder.always = in_every_record(started.get("awx", {}), previews=place.previews)
            # Kept open for the whole run and inherited by the workers, so that the guard can find them all; what they
            # execute is found by its environment.
            self._run_lock = os.open(place.run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            main_end, guard_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            worker_end, guard_worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
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
            worker_end=worker_end,
            guard_worker_end=guard_worker_end,
            always=self._recorder.always,
        )
        self._ending = Ending(self._live, self._recorder, self._display.display, scribe)
        atexit.register(self._leave)
        live.announce(self._live)
        self._recorder.record("run.started", started)
        shipping.begin(os.environ, place)

    def _leave(self):
        """Ansible's main process ends by itself: when its last hook was not called, it was interrupted."""
        if os.getpid() == self._live.main_pid:
            noticed_by_worker = self._recorder.failure is None and self._recorder.is_broken()
            if noticed_by_worker:
                self._complain("The run could not be recorded any more, so it ended.")
            self._ending.stop("Ansible ended before its run did: it was interrupted, or met an error of its own.")
            if noticed_by_worker:  # Ansible ends with a code of its own when a worker dies
                sys.stdout.flush()
                os._exit(UNRECORDABLE)

    def _recap(self, stats):
        return {self._name(host): stats.summarize(host) for host in sorted(stats.processed)}

    def _batch(self, play):
        """Ansible announces a play again for each of its serial batches."""
        self._announcements.clear()
        self._forks = play.strategy in FORKING and not self._goes_on
        number = self._batches[play._uuid] = self._batches.get(play._uuid, 0) + 1
        return number

    def _announce(self, kind, task):
        self._must(self._announced, kind, task)

    def _announced(self, kind, task):
        """A task is announced, with its role before its first one; meta tasks are not announced in any other way."""
        role = getattr(task, "_role", None)
        if role is not None and str(role._role_path) not in self._roles:
            self._roles.add(str(role._role_path))
            self._recorder.tell("role.started", role_fields(role, self._recorder.redactor))
        write = self._recorder.record if task.action in META else self._recorder.tell
        fields = announced_fields(task, self._recorder.redactor)
        self._announcements[task._uuid] = intent_fields(fields)
        write(kind, fields)

    def _intended(self, host, task):
        """Ansible's own strategies fork a worker right after this; of others nobody knows."""
        write = self._recorder.announce if self._forks else self._recorder.record
        write("task.intent", self._task_on(host, task))

    def _task_on(self, host, task):
        fields = self._announcements.get(task._uuid)
        if fields is None:
            fields = self._announcements[task._uuid] = intent_fields(announced_fields(task, self._recorder.redactor))
        return {**fields, "host": self._text(host.name), **self._recorder.held.fields}

    def _notified(self, handler, host):
        name = "(no_log)" if handler.no_log else self._text(handler.get_name())
        return {"handler": str(handler._uuid), "name": name, "host": self._text(host.get_name())}

    def _outcome(self, result):
        return Outcome(result, self._recorder.redactor)

    def _differences(self, result):
        outcome = self._outcome(result)
        hidden = outcome.is_hidden
        found = [] if hidden else differences(outcome.values, self._recorder.redactor)
        return {**outcome.identity(), "differences": found} if found else None

    def _text(self, text):
        return self._recorder.redactor.field(str(text), 200)

    def _name(self, host):
        return self._recorder.redactor.mask(str(host))[:200]

    def _intent(self, kind, body):
        self._must(lambda: self._recorder.record(kind, body()))

    def _must(self, record, *what):
        """Record before something happens; when that fails, nothing happens any more."""
        if self._recorder is None:
            return
        try:
            try:
                record(*what)
            except BreakglassError as error:
                self._go_on_unrecorded(error)
            self._ending.check_guard()
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            self._stop(error)

    def _go_on_unrecorded(self, error):
        """In the mode best_effort, and there alone, what can't be recorded is said and done all the same."""
        if not self._goes_on:
            raise error
        if not self._told_unrecorded:
            self._told_unrecorded = True
            self._complain(f"{error} The run goes on unrecorded, because its mode is best_effort.")

    def _result(self, status, result):
        self._told("task.result", self._ended, status, result)

    def _ended(self, status, result):
        outcome = self._outcome(result)
        if self._items:
            self._items.pop(outcome.key, None)
        body = outcome.fields(status)
        if status == "unreachable" and (advice := self._advice(outcome)):
            body["advice"] = advice
            self._display.display(advice, color=constants.COLOR_HIGHLIGHT)
        return body

    def _advice(self, outcome):
        """What to look at where a certificate was not accepted; empty where the run has none, or it was something else."""
        shown = None
        with suppress(BreakglassError):
            shown = read_credential(self._live.run, OURS)
        if shown is None:
            return ""
        advice = advice_on(outcome.message, self._text(outcome.where), shown.facts, datetime.now(tz=timezone.utc))
        return self._recorder.redactor.mask(advice)[:TEXT_LIMIT]

    def _item(self, status, result):
        self._told("item.result", self._item_ended, status, result)

    def _item_ended(self, status, result):
        outcome = self._outcome(result)
        number = self._items[outcome.key] = self._items.get(outcome.key, 0) + 1
        label = outcome.label()
        return {**outcome.fields(status), "item": number, **({} if label is None else {"label": label})}

    def _told(self, kind, body, *of_what):
        """Record what happened; a failure here stops the run at the next intent, since raising would hang the play."""
        if self._recorder is None:
            return
        try:
            if changed := self._recorder.learn_secrets():
                self._announcements.clear()  # their texts may have to be masked now
            made = body(*of_what)
            if made is not None:
                self._recorder.tell(kind, made)
            if changed:
                self._ending.announce()
        except Exception as error:  # noqa: BLE001 (Ansible swallows what a callback raises, and would go on)
            sentence = _sentence(error)
            self._recorder.fail(BreakglassError(sentence))
            self._complain(f"{sentence} No further task will start.")

    def _stop(self, error):
        sentence = _sentence(error)
        self._complain(f"{sentence} The run ends here: without record and guard nothing is done.")
        if self._ending is not None:
            self._ending.stop(sentence)
        raise SystemExit(UNRECORDABLE)

    def _complain(self, text):
        """Like `Display.error`, which ansible-core before 2.19 wraps, through the middle of paths."""
        self._display.display(f"[ERROR]: breakglass: {text}", color=constants.COLOR_ERROR, stderr=True)


def _sentence(error):
    """What is told of an error: texts of others could hold a secret."""
    if isinstance(error, BreakglassError):
        return str(error)
    if isinstance(error, OSError):
        return f"The run can't be recorded: {error.strerror}."
    return f"The callback audit failed, which is a fault of its own ({type(error).__name__})."
