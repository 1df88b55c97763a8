# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed drill of the policy can still get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.alert import DRILL, Alert, AlertStatus
from breakglass.domain.drills import drill_labels
from breakglass.domain.routing import mismatch
from breakglass.errors import BreakglassError

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.rules import Drill, Policy, Trigger

    from .check import Surroundings


@dataclass(frozen=True)
class DrillChecker:
    """Finds problems of the drills of one policy; the function gives the line of a key of the n-th drill."""

    policy: Policy
    around: Surroundings
    place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        seen: dict[str, Place] = {}
        triggers = {trigger.name: trigger for trigger in self.policy.triggers}
        for number, drill in enumerate(self.policy.drills):
            place = self.place(number, ("name",))
            if drill.name in seen:
                yield Problem.at(place, f"The drill {drill.name} is defined twice, first at {seen[drill.name]}.")
            seen.setdefault(drill.name, place)
            for key, sentence in (*self._groups(drill), *self._trigger(drill, triggers.get(drill.trigger))):
                yield Problem.at(self.place(number, (key,)), f"{drill.name}: {sentence}")

    def _groups(self, drill: Drill) -> Iterator[tuple[str, str]]:
        for group in drill.hosts:
            if self.around.groups is not None and group not in self.around.groups:
                known = did_you_mean(group, self.around.groups)
                yield "hosts", f"{group} is not a group of the inventory.{known}"

    def _trigger(self, drill: Drill, trigger: Trigger | None) -> Iterator[tuple[str, str]]:
        if trigger is None:
            if drill.trigger not in self.around.triggers:  # one with faults of its own is named there
                yield (
                    "trigger",
                    f"there is no trigger {drill.trigger}.{did_you_mean(drill.trigger, self.around.triggers)}",
                )
            return
        alert = _alert(drill, trigger)
        if why := mismatch(trigger, alert):
            yield "labels", f"its alert would not meet {trigger.name}: {why}."
        for earlier in self.policy.triggers:
            if earlier is trigger:
                break
            if earlier.when is None and not mismatch(earlier, alert):
                yield "trigger", f"its alert meets {earlier.name} ({earlier.line}) first; tell them apart by labels."
        if drill.check and self._has_no_check_mode(trigger):
            yield "check", f"{trigger.remediation} says check_mode: none, so check mode would prove nothing."

    def _has_no_check_mode(self, trigger: Trigger) -> bool:
        try:
            return self.around.remediations.find(trigger.remediation).behaviour.check_mode == "none"
        except BreakglassError:
            return False  # the trigger's own problem, and told there


def _alert(drill: Drill, trigger: Trigger) -> Alert:
    """The synthetic alert as far as it is known before there is a host."""
    labels = drill_labels(drill, trigger, "a-host")
    return Alert(DRILL, drill.name, "", AlertStatus.FIRING, labels, {}, datetime.now(UTC))
