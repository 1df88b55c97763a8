# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run without a runner: the guard closes the grant and proves it, the callback says and records so."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._guard import line
from .fields import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._journal.canonical import JsonValue
    from .._run.live import Live
    from .recorder import Recorder
    from .scribe import Scribe

CLOSE_LIMIT_SECONDS = 30
OPENED = ("access", "accessor", "expires_at", "time_box", "reason", "ticket", "vault_entity", "vault_login")


class DeadGuard(BreakglassError):
    """Raised when the guard of an open grant has died, or has closed the grant by itself."""


class Ending:
    """Closes the run's grant; at the runner's door that is the runner's own business."""

    def __init__(
        self, live: Live, recorder: Recorder, display: Callable[[str], object], scribe: Scribe | None = None
    ) -> None:
        self._live = live
        self._recorder = recorder
        self._display = display
        self._scribe = scribe
        self._guard: int | None = None
        self._closed = False

    def announce(self) -> None:
        """Record and say that a grant was opened, once there is one: the first thing that a reader needs to know."""
        if self._guard is not None or (grant := self._live.run.read_json(self._live.run.grant)) is None:
            return
        self._guard = int(str(grant["guard_pid"]))
        if not self._live.under_runner:
            mask = self._recorder.redactor.field
            known = {name: mask(str(grant[name]), TEXT_LIMIT) for name in OPENED if grant.get(name, "") != ""}
            self._recorder.record("grant.opened", known)
        self._display(f"Grant open until {grant['expires_at']} ({grant['access']}) · {self._name} · {self._recorded}")

    @property
    def _name(self) -> str:
        """The incident of who launched the job, else the incident or run as its directory in the journal is called."""
        job = self._live.always.get("awx")
        incident = job.get("incident") if isinstance(job, dict) else None
        return str(incident or PurePosixPath(self._live.stream).parent.name)

    @property
    def _recorded(self) -> str:
        """Where; of a job of AWX the file is inside of its container, which helps no reader."""
        return (
            "recorded" if "awx" in self._live.always else f"recorded in {self._live.journal / self._live.stream}.jsonl"
        )

    def check_guard(self) -> None:
        """Refuse to go on without the process that would close the grant after our death; raises DeadGuard."""
        if self._guard is None or self._closed or self._live.under_runner:
            return
        if because := self._word_of_guard():
            raise DeadGuard(because)
        if not line.is_alive(self._guard):
            raise DeadGuard("The guard of this run's grant was killed, so nobody would close it if this run died too.")

    def close(self) -> None:
        """Have the grant revoked and proven gone, record it, and say it. Never raises: this is the last thing."""
        self._end(line.CLOSE)

    def stop(self, why: str) -> None:
        """The same for a run that must end in the middle of its tasks: record why, and have its processes ended first."""
        if not self._closed and not self._live.under_runner:
            if because := self._word_of_guard():
                self._display(because)
                why = because
            with suppress(BreakglassError):
                self._recorder.record("run.stopped", {"why": why, "tasks_in_flight": "outcome unknown"})
        self._end(line.STOP)

    def _word_of_guard(self) -> str:
        """Why the guard has closed the grant of its own accord; empty if it has not."""
        if self._guard is None or not line.has_spoken(self._live.main_end):
            return ""
        return str(line.receive(self._live.main_end).get("because", ""))

    def _end(self, word: str) -> None:
        if self._closed or self._live.under_runner:
            self._recorder.close()
            return
        with suppress(BreakglassError):
            self.announce()
        self._closed = True
        if self._guard is None:
            self._recorder.close()
            if self._scribe is not None and (why := self._scribe.seal()):
                self._display(why)
            self._live.run.wipe()
            return
        self._tell(line.ask(self._live.main_end, word, self._guard, CLOSE_LIMIT_SECONDS))
        self._recorder.close()
        line.ask(self._live.main_end, line.SEAL, self._guard, CLOSE_LIMIT_SECONDS)

    def _tell(self, answer: Mapping[str, JsonValue] | None) -> None:
        if answer is None and self._guard is not None and line.is_alive(self._guard):
            self._display("Grant NOT proven gone yet: the guard is still at it, and records what comes of it.")
            return
        if answer is None:
            text, answer = self._revoke_without_guard(), {"why": "the guard did not answer"}
        elif answer.get("proven"):
            text = f"Grant revoked, proven. {_sentences(answer.get('remains'))}"
        else:
            text = f"Grant NOT proven gone: {answer.get('why')} The guard goes on trying."
        with suppress(BreakglassError):
            self._recorder.record("grant.revoked" if answer.get("proven") else "grant.not_proven_gone", answer)
        self._display(text.strip())

    def _revoke_without_guard(self) -> str:
        from .._guard.control_sockets import end_connections  # noqa: PLC0415 (needed only here)
        from .._guard.first_help import revoke_self  # noqa: PLC0415 (needed only here, and it costs an import of hvac)

        end_connections(self._live.run.control)
        helped = revoke_self(self._live.run)
        self._live.run.wipe()
        return f"Grant NOT proven gone, because its guard does not answer. {helped}"


def _sentences(remains: JsonValue) -> str:
    return " ".join(f"{str(one)[:1].upper()}{str(one)[1:]}." for one in remains) if isinstance(remains, list) else ""
