# SPDX-License-Identifier: GPL-3.0-or-later
"""How many may watch incidents at once: a stream that is open for long must not keep webhooks and orders from coming in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from breakglass.web.problems import Problem

MOST: Final = 64
"""Of all people; uvicorn takes 256 connections, and refuses more."""
MOST_OF_ONE: Final = 8
AGAIN_AFTER_SECONDS: Final = 5


@dataclass(frozen=True)
class Watchers:
    """Who watches, by entity. Used in the event loop alone.

    Attributes:
        most: Streams of all people.
        most_of_one: Streams of one entity.
    """

    most: int = MOST
    most_of_one: int = MOST_OF_ONE
    _open: Counter[str] = field(default_factory=Counter)

    def enter(self, entity: str) -> None:
        """One more; raises Problem."""
        if self._open[entity] >= self.most_of_one:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"You watch {self.most_of_one} incidents already; end one of them.",
                AGAIN_AFTER_SECONDS,
            )
        if self._open.total() >= self.most:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, f"{self.most} people watch incidents already; more would be in the way."
            )
        self._open[entity] += 1

    def leave(self, entity: str) -> None:
        """One less."""
        self._open[entity] -= 1
        if self._open[entity] <= 0:
            del self._open[entity]
