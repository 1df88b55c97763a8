# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed maintenance window of the policy can still get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.maintenance import A_DAY

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.maintenance import Window
    from breakglass.domain.rules import Policy

    from .check import Surroundings


@dataclass(frozen=True)
class WindowChecker:
    """Finds problems of the maintenance windows of one policy; the function gives the line of a key of the n-th window."""

    policy: Policy
    around: Surroundings
    place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        seen: dict[str, Place] = {}
        for number, window in enumerate(self.policy.maintenance):
            place = self.place(number, ("name",))
            if window.name in seen:
                yield Problem.at(
                    place, f"The maintenance window {window.name} is defined twice, first at {seen[window.name]}."
                )
            seen.setdefault(window.name, place)
            for key, sentence in (*self._groups(window), *_never_closed(window)):
                yield Problem.at(self.place(number, (key,)), f"{window.name}: {sentence}")

    def _groups(self, window: Window) -> Iterator[tuple[str, str]]:
        for group in window.hosts:
            if self.around.groups is not None and group not in self.around.groups:
                known = did_you_mean(group, self.around.groups)
                yield "hosts", f"{group} is not a group of the inventory.{known}"


def _never_closed(window: Window) -> Iterator[tuple[str, str]]:
    if window.lasts >= window.period:
        most = "a day" if window.period == A_DAY else "a week"
        yield (
            "lasts",
            (
                f"it opens again before it is over, so it is never closed: with every: {window.schedule.every} it must last less "
                f"than {most}. Where nothing shall ever run, write mode: observe in the trigger."
            ),
        )
