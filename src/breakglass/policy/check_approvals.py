# SPDX-License-Identifier: GPL-3.0-or-later
"""What typed approvals can still get wrong: names that lead nowhere, and questions that nobody hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.approvals import AUTOMATIC

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.approvals import Quorum
    from breakglass.domain.rules import Policy

    from .check import Surroundings


@dataclass(frozen=True)
class ApprovalChecker:
    """Finds problems of the approvals of one policy, and of the names by which triggers and requests refer to them."""

    policy: Policy
    around: Surroundings
    place: Callable[[tuple[int | str, ...]], Place]
    trigger_place: Callable[[int, tuple[str, ...]], Place]
    request_place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        for name, quorum in self.policy.approvals.items():
            for key, words in (*self._channels(quorum), *self._people(quorum)):
                yield Problem.at(self.place(("approvals", name, key)), f"approvals.{name}: {words}")
        for number, trigger in enumerate(self.policy.triggers):
            yield from self._reference(trigger.name, trigger.approval, self.trigger_place(number, ("approval",)))
        for number, rule in enumerate(self.policy.requests):
            yield from self._reference(rule.name, rule.approval, self.request_place(number, ("approval",)))

    def _reference(self, name: str, approval: str, place: Place) -> Iterator[Problem]:
        if approval != AUTOMATIC and approval not in self.around.approvals:
            known = did_you_mean(approval, [AUTOMATIC, *self.around.approvals])
            yield Problem.at(place, f"{name}: there is no approval {approval}.{known}")

    def _channels(self, quorum: Quorum) -> Iterator[tuple[str, str]]:
        for channel in quorum.notify:
            if self.around.channels is not None and channel not in self.around.channels:
                known = did_you_mean(channel, self.around.channels)
                yield "notify", f"{channel} is not a channel of the settings.{known}"

    @staticmethod
    def _people(quorum: Quorum) -> Iterator[tuple[str, str]]:
        lines = [line.groups for line in quorum.require]
        for number, groups in enumerate(lines):
            if groups in lines[:number]:
                yield "require", f"two lines ask for people of {', '.join(groups)}; write one line with their count."
