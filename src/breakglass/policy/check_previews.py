# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed `preview:` of a trigger can still get wrong: it must open less than what people are asked for, and show something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.approvals import AUTOMATIC
from breakglass.errors import BreakglassError

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from breakglass.domain.rules import Access, Behaves, Policy, Trigger

    from .check import Surroundings


@dataclass(frozen=True)
class PreviewChecker:
    """Finds problems of the previews of one policy; the function gives the line of a key of the n-th trigger."""

    policy: Policy
    around: Surroundings
    place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        for number, trigger in enumerate(self.policy.triggers):
            for sentence in self._preview(trigger) if trigger.preview else ():
                yield Problem.at(self.place(number, ("preview",)), f"{trigger.name}: {sentence}")

    def _preview(self, trigger: Trigger) -> Iterator[str]:
        if trigger.preview not in self.around.access:
            known = did_you_mean(trigger.preview, self.around.access)
            yield f"there is no access {trigger.preview}.{known}"
        if trigger.approval == AUTOMATIC:
            yield "nobody is asked (approval: automatic), so nobody would see a preview. Take it out."
        behaviour = self._behaviour(trigger)
        if behaviour is not None and behaviour.check_mode == "none":
            yield f"{trigger.remediation} says check_mode: none, so a preview would show nothing. Take it out."
        if trigger.preview in self.around.of_jobs:
            yield (
                f"plays under {trigger.preview} are jobs of AWX (settings), which show no preview. Name an access that the "
                "runner opens itself."
            )
        own, lesser = self.policy.access.get(trigger.access), self.policy.access.get(trigger.preview)
        if own is not None and lesser is not None:
            yield from _compared(own, lesser)

        if behaviour is not None and lesser is not None:
            yield from _too_short(lesser, trigger.remediation, behaviour.expected_duration)

    def _behaviour(self, trigger: Trigger) -> Behaves | None:
        try:
            return self.around.remediations.find(trigger.remediation).behaviour
        except BreakglassError:
            return None  # the trigger's own problem, and told there


def _too_short(lesser: Access, remediation: str, expected: timedelta | None) -> Iterator[str]:
    if expected is not None and lesser.max_time_box < expected:
        has, needs = (int(span.total_seconds()) for span in (lesser.max_time_box, expected))
        yield f"{lesser.name} is open for {has} s at most, and {remediation} takes {needs} s as a rule."


def _compared(own: Access, lesser: Access) -> Iterator[str]:
    """It opens by itself: so no host and no credential that the access itself does not open, and not all of that either."""
    if missing := sorted(set(own.hosts) - set(lesser.hosts)):
        yield f"{lesser.name} does not open {', '.join(missing)}, so plans on hosts there would have no preview."
    if more := sorted(set(lesser.hosts) - set(own.hosts)):
        yield f"{lesser.name} opens more hosts than {own.name}: {', '.join(more)}. A preview opens without a yes."
    if credentials := [word for word in lesser.words[bool(lesser.ssh) :] if word not in own.words]:
        yield f"{lesser.name} opens more than {own.name}: {', '.join(credentials)}. A preview opens without a yes."
    if lesser.ssh is None:
        yield f"{lesser.name} opens no SSH, so nothing can be looked at on a host."
    elif set(own.words) <= set(lesser.words):
        yield f"{lesser.name} opens all that {own.name} does, without a yes. Name an access that opens less."
    if lesser.ticket_required:
        yield f"{lesser.name} wants a ticket, and nobody brings one to a preview."
    if lesser.hand_out and not own.hand_out:
        yield f"{lesser.name} may be handed out, and {own.name} may not. A preview opens without a yes."
