# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a webhook's bytes once its sender is known: read, matched, and durable before anyone says 202."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from breakglass.domain.course import Course, Probing
from breakglass.domain.drills import MARK, drill_course, hosts_of, missed_course
from breakglass.domain.maintenance import windows_of
from breakglass.domain.previews import preview_of
from breakglass.domain.routing import OutsideAccess, Planned, Refused, Unmatched, check_bound, route
from breakglass.domain.rules import PRESENCE
from breakglass.policy.behaviour import Behaviour
from breakglass.store.database import PATIENCE_SECONDS
from breakglass.store.inbox import Arrival, Reached
from breakglass.store.senders import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.alert import Alert
    from breakglass.domain.maintenance import Window
    from breakglass.domain.plan import Plan
    from breakglass.domain.rules import Behaves, Drill, Policy, Trigger
    from breakglass.in_force import InForce, Rules
    from breakglass.sources import Message
    from breakglass.store.inbox import Accepted
    from breakglass.store.incidents import Incidents

_LOG = logging.getLogger(__name__)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter that is read as another
ID_LENGTH = 6
NEWS = frozenset({Reached.OPENED, Reached.JOINED})
"""What the engine has something to do about; not a repetition, which most of a storm is."""
_WHY = "What becomes of the last one, and why: breakglass policy explain --last"


@dataclass(frozen=True)
class Reception:
    """Takes messages in, each of them whole under the rules that are in force when it comes.

    Attributes:
        in_force: The rules.
        incidents: The store.
        hint: Called when something was taken in.
        runner: The name of this runner, which works on the drills that it begins: it measures them by its own journal.
        heard: Sources that have sent something since the start; the log tells of the first message of each.
    """

    in_force: InForce
    incidents: Incidents
    hint: Callable[[], None]
    runner: str = ""
    heard: set[str] = field(default_factory=set)

    def take(self, message: Message, source: str = "", until: float | None = None) -> list[Accepted]:
        """Take in every alert of a message, all or none, and that the sender of this source was heard; durable on return.

        It waits for its turn to write until that moment of the monotonic clock, or as everybody does.

        Raises:
            DatabaseUnavailable: Nothing was taken in.
        """
        rules = self.in_force.now
        arrivals = [Arrival(alert, course(alert, rules), fresh_id()) for alert in message.alerts]
        patience = PATIENCE_SECONDS if until is None else until - time.monotonic()
        accepted = self.incidents.accept(arrivals, Heard(source, message.truncated) if source else None, patience)
        if any(one.reached in NEWS for one in accepted):
            self.hint()
        if source and source not in self.heard:
            self.heard.add(source)
            matched = sum(arrival.course is not None for arrival in arrivals)
            _LOG.info(
                "First message from %s since the start: %d alerts, %d matched. %s", source, len(arrivals), matched, _WHY
            )
        return accepted

    def rehearse(self, drill: Drill, incident: str, message: Message, missed: str = "") -> Course:
        """Take in the synthetic alert of a drill, by the same way; gives the course of its incident, durable on return.

        A scheduled drill that was missed is taken in too, with the reason: so people are told.
        """
        rules = self.in_force.now
        trigger = trigger_of(drill, rules.policy)
        (alert,) = message.alerts
        if missed:
            found = missed_course(drill, trigger, rules.policy, missed)
        else:
            answer = route(alert, rules.policy, rules.hosts, rules.remediations)
            found = drill_course(drill, trigger, answer, rules.policy, hosts_of(drill, rules.hosts))
            found = replace(found, windows=_windows(found.plan, rules))
            if found.plan is not None and not drill.check:
                behaviour = rules.remediations.find(found.plan.remediation).behaviour
                found = replace(found, holds_host=behaviour.holds_host, releases_host=behaviour.releases_host)
        self.incidents.accept([Arrival(alert, found, incident, self.runner)])
        self.hint()
        return found


def trigger_of(drill: Drill, policy: Policy) -> Trigger:
    """The trigger that a drill rehearses; a policy that was loaded has it."""
    return next(trigger for trigger in policy.triggers if trigger.name == drill.trigger)


def course(alert: Alert, rules: Rules) -> Course | None:
    """The policy's answer to an alert, frozen; None when no trigger matches."""
    behaviour: Behaves = Behaviour()
    match route(alert, rules.policy, rules.hosts, rules.remediations):
        case Unmatched():
            return None
        case Refused(trigger=trigger, reason=reason, sentence=sentence):
            plan, refusal = None, f"{reason.value}: {sentence}"
        case Planned(trigger=trigger, plan=plan):
            refusal, behaviour = "", rules.remediations.find(plan.remediation).behaviour
    found = Course(
        trigger=trigger.name,
        owner=trigger.owner,
        policy_digest=rules.policy.digest,
        policy_commit=rules.policy.commit,
        policy_author=rules.policy.author,
        mode=trigger.mode,
        approval=trigger.approval,
        approval_line=trigger.line,
        plan=plan,
        refusal=refusal,
        limits=trigger.limits,
        idempotent=behaviour.idempotent,
        alert_resolves_within=trigger.alert_resolves_within,
        ladder=rules.policy.ladders[trigger.escalation],
        holds_host=behaviour.holds_host,
        releases_host=behaviour.releases_host,
        probing=_probing(trigger, alert) if rules.has_prometheus else None,
        groups=rules.policy.access[trigger.access].hosts,
        quorum=rules.policy.approvals.get(trigger.approval),
        opens=rules.policy.access[trigger.access].words,
        windows=_windows(plan, rules),
        runbook=trigger.runbook,
    )
    return _with_preview(found, trigger, rules) if trigger.preview else found


def _with_preview(course: Course, trigger: Trigger, rules: Rules) -> Course:
    """The course with what shows people beforehand what its plan would change, or why nothing can."""
    if course.plan is None:
        return course
    access = rules.policy.access[trigger.preview]
    try:
        check_bound(course.plan.hosts, access, rules.hosts)
    except OutsideAccess as error:
        return replace(course, no_preview=str(error))
    expected = rules.remediations.find(course.plan.remediation).behaviour.expected_duration
    return replace(course, preview=preview_of(course.plan, access, expected))


def _windows(plan: Plan | None, rules: Rules) -> tuple[Window, ...]:
    return windows_of(rules.policy.maintenance, plan.hosts if plan else (), rules.hosts)


def _probing(trigger: Trigger, alert: Alert) -> Probing | None:
    """What to ask Prometheus about this alert.

    A trigger's own probe means all of its labels; one that the alert lacks is empty. Without it the alert's target is asked
    for, by as much as the alert says of it; by nothing, where it says nothing.
    """
    if trigger.probe is not None:
        return Probing(trigger.probe.query, tuple((name, alert.labels.get(name, "")) for name in trigger.probe.labels))
    labels = tuple((name, alert.labels[name]) for name in PRESENCE.labels if name in alert.labels)
    return Probing(PRESENCE.query, labels) if labels else None


def fresh_id() -> str:
    """A new incident's id."""
    return "INC-" + _letters()


def fresh_drill_id() -> str:
    """A new drill's incident's id, which marks all that belongs to it."""
    return MARK + _letters()


def _letters() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
