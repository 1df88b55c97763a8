# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed policy can still get wrong: names that lead nowhere, bounds that are crossed, rules that never apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.routing import BadParameter
from breakglass.errors import BreakglassError

from .expressions import CompiledCondition, LiteralValue
from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from breakglass.domain.rules import Policy, Trigger
    from breakglass.remediations import Remediation, Remediations


@dataclass(frozen=True)
class Surroundings:
    """What a policy is checked against.

    Attributes:
        channels: Names of the settings' channels; None leaves the check of them out.
        remediations: The roles that are installed.
        groups: Groups of the inventory, or None when there is no inventory at hand.
        access: Every name under `access:`, also of entries that have faults of their own.
        escalations: The same for `escalations:`.
        triggers: Names of all triggers as they are written, too.
        default_escalation_known: False when the defaults have faults, so that a missing escalation is no news.
        approvals: Every name under `approvals:`, also of entries that have faults of their own.
        of_jobs: Accesses whose plays are jobs of AWX.
        has_prometheus: False when the settings name none that a probe could ask.
    """

    channels: Collection[str] | None
    remediations: Remediations
    groups: Collection[str] | None
    access: Collection[str]
    escalations: Collection[str]
    default_escalation_known: bool
    triggers: Collection[str] = ()
    has_prometheus: bool = True
    approvals: Collection[str] = ()
    of_jobs: Collection[str] = ()


@dataclass(frozen=True)
class Checker:
    """Finds problems of one policy; the two functions give the line of a key."""

    policy: Policy
    around: Surroundings
    place: Callable[[tuple[int | str, ...]], Place]
    trigger_place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        yield from self._access()
        yield from self._ladders()
        yield from self._default_escalation()
        seen: dict[str, Place] = {}
        for number, trigger in enumerate(self.policy.triggers):
            place = self.trigger_place(number, ("name",))
            if trigger.name in seen:
                yield Problem.at(place, f"The trigger {trigger.name} is defined twice, first at {seen[trigger.name]}.")
            seen.setdefault(trigger.name, place)
            yield from self._trigger(number, trigger)

    def _access(self) -> Iterator[Problem]:
        if self.around.groups is None:
            return
        for name, access in self.policy.access.items():
            for group in access.hosts:
                if group not in self.around.groups:
                    sentence = f"access.{name}: {group} is not a group of the inventory."
                    known = did_you_mean(group, self.around.groups)
                    yield Problem.at(self.place(("access", name, "hosts")), sentence + known)

    def _ladders(self) -> Iterator[Problem]:
        for name in self.around.escalations:
            if name in (self.around.channels or ()):
                place = self.place(("escalations", name))
                yield Problem.at(place, f"{name} is the name of a channel too: give the ladder another one.")
        for name, ladder in self.policy.ladders.items():
            if name not in self.around.escalations:
                continue
            for number, rung in enumerate(ladder.rungs):
                channels = rung.notify if self.around.channels is None else self.around.channels
                for channel in set(rung.notify) - set(channels):
                    place = self.place(("escalations", name, number, "notify"))
                    known = did_you_mean(channel, channels)
                    yield Problem.at(place, f"{channel} is not a channel of the settings.{known}")
                is_last = number == len(ladder.rungs) - 1
                if is_last is not (rung.acknowledge_within is None):
                    place = self.place(("escalations", name, number, "acknowledge_within"))
                    yield Problem.at(place, _WAIT_AT_END if is_last else _NO_WAIT)

    def _default_escalation(self) -> Iterator[Problem]:
        """The runner tells of itself by it, also when every trigger names another one; those that don't have said it."""
        name = self.policy.escalation
        known = {*self.around.escalations, *(self.around.channels or ())}
        others = {one.escalation for one in self.policy.triggers} | {one.escalation for one in self.policy.requests}
        if name and name not in known | others and self.around.channels is not None:
            place = self.place(("defaults", "escalation"))
            yield Problem.at(place, f"{name} is neither a ladder nor a channel.{did_you_mean(name, known)}")

    def _trigger(self, number: int, trigger: Trigger) -> Iterator[Problem]:
        def problem(path: tuple[str, ...], sentence: str) -> Problem:
            return Problem.at(self.trigger_place(number, path), f"{trigger.name}: {sentence}")

        if trigger.access not in self.around.access:
            known = did_you_mean(trigger.access, self.around.access)
            yield problem(("access",), f"there is no access {trigger.access}.{known}")
        access = self.policy.access.get(trigger.access)
        if access and access.ticket_required and trigger.approval == "automatic":
            yield problem(
                ("access",), f"the access {access.name} wants a ticket, and without people nobody brings one."
            )
        yield from (problem(("time_box",), sentence) for sentence in self._time_box(trigger))
        yield from (problem(("time_box",), sentence) for sentence in self._too_short(trigger))
        yield from (problem(("escalation",), sentence) for sentence in self._escalation(trigger))
        if trigger.probe is not None and not self.around.has_prometheus:
            yield problem(
                ("verification",),
                "its verification has a probe, but the settings name no Prometheus. Add `prometheus: {url: …}` there, or take "
                "the probe out.",
            )
        yield from (problem(path, sentence) for path, sentence in _reach(trigger))
        yield from (problem(path, sentence) for path, sentence in self._remediation(trigger))
        if shadow := self._shadow(number, trigger):
            yield problem(("name",), f"never applies: {shadow.name} before it ({shadow.line}) takes every such alert.")

    def _time_box(self, trigger: Trigger) -> Iterator[str]:
        access = self.policy.access.get(trigger.access)
        if access and trigger.time_box > access.max_time_box:
            has, most = (int(box.total_seconds()) for box in (trigger.time_box, access.max_time_box))
            yield f"its time_box ({has} s) is longer than the max_time_box of access {access.name} ({most} s)."

    def _too_short(self, trigger: Trigger) -> Iterator[str]:
        stated = self.policy.behaviours.get(trigger.remediation)
        if stated and stated.expected_duration and trigger.time_box < stated.expected_duration:
            has, needs = (int(span.total_seconds()) for span in (trigger.time_box, stated.expected_duration))
            yield f"its time_box ({has} s) is shorter than {trigger.remediation} takes as a rule ({needs} s)."

    def _escalation(self, trigger: Trigger) -> Iterator[str]:
        known = {*self.around.escalations, *(self.around.channels or ())}
        if not trigger.escalation and self.around.default_escalation_known:
            yield "escalation is missing, here and in the defaults. Name a ladder, or a channel of the settings."
        elif trigger.escalation and trigger.escalation not in known and self.around.channels is not None:
            yield f"{trigger.escalation} is neither a ladder nor a channel.{did_you_mean(trigger.escalation, known)}"

    def _remediation(self, trigger: Trigger) -> Iterator[tuple[tuple[str, ...], str]]:
        try:
            role = self.around.remediations.find(trigger.remediation)
        except BreakglassError as error:
            yield ("remediation",), str(error)
            return
        yield from _parameters(trigger, role)

    def _shadow(self, number: int, trigger: Trigger) -> Trigger | None:
        """Find an earlier trigger without `when` that takes every alert that this one could."""
        for earlier in self.policy.triggers[:number]:
            if earlier.when is None and all(
                set(trigger.match.get(label, ())) <= set(values) and label in trigger.match
                for label, values in earlier.match.items()
            ):
                return earlier
        return None


_NO_WAIT = "Only the last rung may wait for nobody: write acknowledge_within."
_WAIT_AT_END = "After the last rung comes nobody: leave its acknowledge_within out."


def _reach(trigger: Trigger) -> Iterator[tuple[tuple[str, ...], str]]:
    if not trigger.match and trigger.when is None:
        yield ("match",), "would take every alert. Say which: write match, or when."
    if isinstance(trigger.when, CompiledCondition) and not trigger.when.reads_alert:
        yield ("when",), "`when` does not look at the alert, so it is always or never true."


def _parameters(trigger: Trigger, role: Remediation) -> Iterator[tuple[tuple[str, ...], str]]:
    unknown = trigger.parameters.keys() - role.arguments.keys()
    for name in sorted(unknown):
        known = did_you_mean(name, role.arguments)
        yield ("parameters", name), f"{role.name} has no parameter {name[:80]!r}.{known}"
    for name in role.missing(trigger.parameters):
        yield ("parameters",), f"{role.name} needs the parameter {name}."
    for name, template in trigger.parameters.items():
        if name in unknown or not isinstance(template, LiteralValue):
            continue
        try:
            role.check_parameter(name, template.content)
        except BadParameter as error:
            yield ("parameters", name), str(error)
