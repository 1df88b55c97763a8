# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed request of the policy can still get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.approvals import AUTOMATIC

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.rules import Policy, RequestRule

    from .check import Surroundings


@dataclass(frozen=True)
class RequestChecker:
    """Finds problems of the requests of one policy; the function gives the line of a key of the n-th request."""

    policy: Policy
    around: Surroundings
    place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        seen: dict[str, Place] = {}
        for number, rule in enumerate(self.policy.requests):
            place = self.place(number, ("name",))
            if rule.name in seen:
                yield Problem.at(place, f"The request {rule.name} is defined twice, first at {seen[rule.name]}.")
            seen.setdefault(rule.name, place)
            for key, sentence in (*self._access(rule), *self._escalation(rule), *self._override(rule)):
                yield Problem.at(self.place(number, (key,)), f"{rule.name}: {sentence}")

    def _access(self, rule: RequestRule) -> Iterator[tuple[str, str]]:
        if rule.access not in self.around.access:
            yield "access", f"there is no access {rule.access}.{did_you_mean(rule.access, self.around.access)}"
        access = self.policy.access.get(rule.access)
        if access and rule.time_box > access.max_time_box:
            has, most = (int(box.total_seconds()) for box in (rule.time_box, access.max_time_box))
            yield (
                "time_box",
                f"its time_box ({has} s) is longer than the max_time_box of access {access.name} ({most} s).",
            )

    @staticmethod
    def _override(rule: RequestRule) -> Iterator[tuple[str, str]]:
        if rule.override and rule.approval == AUTOMATIC:
            yield "override", "there is nothing to override: its approval is automatic."

    def _escalation(self, rule: RequestRule) -> Iterator[tuple[str, str]]:
        known = {*self.around.escalations, *(self.around.channels or ())}
        if not rule.escalation and self.around.default_escalation_known:
            yield (
                "escalation",
                "escalation is missing, here and in the defaults. Name a ladder, or a channel of the settings.",
            )
        elif rule.escalation and rule.escalation not in known and self.around.channels is not None:
            yield (
                "escalation",
                f"{rule.escalation} is neither a ladder nor a channel.{did_you_mean(rule.escalation, known)}",
            )
