# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run without a runner: the guard closes the grant and proves it, the callback says and records so."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._guard import line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._journal.canonical import JsonValue
    from .._run.live import Live
    from .recorder import Recorder

CLOSE_LIMIT_SECONDS = 30


class DeadGuard(BreakglassError):
    """Raised when the guard of an open grant has died."""


class Ending:
    """Closes the run's grant; at the runner's door that is the runner's own business."""

    def __init__(self, live: Live, recorder: Recorder, display: Callable[[str], object]) -> None:
        self._live = live
        self._recorder = recorder
        self._display = display
        self._guard: int | None = None
        self._closed = False

    def announce(self, action: str, values: Mapping[str, object]) -> None:
        """Say that a grant was opened, as the first thing that the run's reader needs to know."""
        if not action.endswith("grant") or "accessor" not in values or self._guard is not None:
            return
        pid = (self._live.run.read_json(self._live.run.grant) or {}).get("guard_pid")
        self._guard = pid if isinstance(pid, int) else None
        self._display(
            f"Grant open until {values['expires_at']} ({values['access']}) · recorded in "
            f"{self._live.journal / self._live.stream}.jsonl"
        )

    def check_guard(self) -> None:
        """Refuse to go on without the process that would close the grant after our death; raises DeadGuard."""
        if self._guard is not None and not self._closed and not line.is_alive(self._guard):
            raise DeadGuard("The guard of this run's grant was killed, so nobody would close it if this run died too.")

    def close(self) -> None:
        """Have the grant revoked and proven gone, record it, and say it. Never raises: this is the last thing."""
        if self._closed or self._live.under_runner:
            self._recorder.close()
            return
        self._closed = True
        if self._guard is None:
            self._seal_without_guard()
            return
        answer = line.ask(self._live.main_end, {"do": "close"}, self._guard, CLOSE_LIMIT_SECONDS)
        self._tell(answer)
        self._recorder.close()
        line.ask(self._live.main_end, {"do": "seal"}, self._guard, CLOSE_LIMIT_SECONDS)

    def _seal_without_guard(self) -> None:
        self._recorder.close()
        self._live.run.wipe()

    def _tell(self, answer: Mapping[str, JsonValue] | None) -> None:
        if answer is None:
            text, answer = self._revoke_without_guard(), {"why": "the guard did not answer"}
        elif answer.get("proven"):
            text = f"Grant revoked, proven. {answer.get('remains', '')}"
        else:
            text = f"Grant NOT proven gone: {answer.get('why')} The guard goes on trying."
        with suppress(BreakglassError):
            self._recorder.record("grant.revoked" if answer.get("proven") else "grant.not_proven_gone", answer)
        self._display(text.strip())

    def _revoke_without_guard(self) -> str:
        from .._guard.first_help import revoke_self  # noqa: PLC0415 (needed only here, and it costs an import of hvac)

        helped = revoke_self(self._live.run)
        self._live.run.wipe()
        return f"Grant NOT proven gone, because its guard was killed. {helped}"
