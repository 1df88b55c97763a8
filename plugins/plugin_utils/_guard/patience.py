# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting on a runner that may be away for a while: it is restarted, a line breaks, Vault is being unsealed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .._errors import BreakglassError
from .._vault.errors import VaultError
from .runner_api import RefusedByRunner, UnreachableRunner, UntrustedRunner

if TYPE_CHECKING:
    from collections.abc import Callable

AnswerT = TypeVar("AnswerT")

LONGEST_SECONDS = 300.0
"""Without any answer for so long nobody waits on."""
NOT_NOW = frozenset({429, 503})


@dataclass
class Patience:
    """Asks the same thing again and again, and bears that nobody answers for a while.

    Attributes:
        tell: Hears why there is no answer, once for each reason.
        longest: Seconds without an answer, after which it gives up.
        clock: Seconds that only go forward.
    """

    tell: Callable[[str], object]
    longest: float = LONGEST_SECONDS
    clock: Callable[[], float] = time.monotonic
    _away_since: float | None = None
    _told: str = ""

    def ask(self, question: Callable[[], AnswerT]) -> AnswerT | None:
        """The answer; None where there is none now, and asking again later may help. Raises BreakglassError."""
        try:
            answer = question()
        except BreakglassError as error:
            self._bear(error)
            return None
        self._away_since, self._told = None, ""
        return answer

    def _bear(self, error: BreakglassError) -> None:
        now = self.clock()
        self._away_since = now if self._away_since is None else self._away_since
        if not passes(error) or now - self._away_since > self.longest:
            raise error
        if str(error) != self._told:
            self._told = str(error)
            self.tell(self._told)


def passes(error: BreakglassError) -> bool:
    """Whether the same call may succeed later without anybody who calls changing anything."""
    if isinstance(error, VaultError):
        return error.retryable
    if isinstance(error, RefusedByRunner):
        return error.status in NOT_NOW
    return isinstance(error, UnreachableRunner) and not isinstance(error, UntrustedRunner)
