# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an incident, top to bottom: `decide` is a function of document, messages and clock, and does no I/O.

Rules that a reviewer checks here and in `steps.py` and `outcomes.py`:

1. Nothing runs without a plan, limits passed and an approval, in this order.
2. A grant that was minted is closed and proven gone before the incident is verified, tried again, escalated or closed.
3. An outcome that nobody saw is called unknown; the remediation is repeated only if it says that it may be.
4. Every state has an end in time: a wake-up, after which it goes on, is tried again or escalates.
5. An incident that does not end in a verified repair, in an observation or in the alert resolving before anything was
   tried (its target still there, where Prometheus can say so) ends in an escalation, and is not closed before somebody's channel took the message, or a person has closed or
   cancelled it, who knows. A grant that was asked for is no exception while it can't be proven gone; what else becomes of
   it is told to who asked.
6. A repair that leaves its hosts held is told to people as soon as its grant is gone: nobody else can know that
   automation keeps away from there. Until the hold is lifted, other incidents of these hosts wait and wake nobody.
7. A drill goes the same way once, and its end is to tell everybody of its ladder what came of it; it passes only if each
   channel took that. It leaves its host to whatever is real there.
8. While a maintenance window is open on one of its hosts an incident begins nothing, and holds no host. What still fires at
   the window's end is repaired then; what resolved in it is an observation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from breakglass.domain.alert import REQUEST, AlertStatus
from breakglass.domain.asking import absorb_vote
from breakglass.domain.draft import Decision, Draft
from breakglass.domain.incident import Fault, Incident, Result, State
from breakglass.domain.messages import AlertArrived, Message
from breakglass.domain.orders import Ordered, absorb_order
from breakglass.domain.outcomes import absorb_outcome, end_of_automation
from breakglass.domain.steps import look_again_at, step
from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from breakglass.domain.alert import Alert

_FOR_PEOPLE = ("summary", "description", "message")
"""Annotations in which rules say what is wrong, the shortest first."""


def decide(incident: Incident, messages: Sequence[Message], now: datetime) -> Decision:
    """Take in the messages, go as far as possible without doing anything, and say what to do next.

    Args:
        incident: The document as it was last committed.
        messages: What has happened since, in order.
        now: By the store's clock.

    Returns:
        The document to commit. It has an effect for the engine to start, or a moment to wake at, or is closed.
    """
    draft = Draft(incident, now)
    if incident.state is State.RECEIVED:
        draft.note("incident.opened", _course_body(incident))
    for message in messages:
        if isinstance(message, AlertArrived):
            _absorb_alert(draft, message.alert)
        elif isinstance(message, Ordered):
            _absorb_word(draft, message)
        else:
            absorb_outcome(draft, message)
    while draft.incident.effect is None and step(draft):
        pass
    return Decision(draft.incident, tuple(draft.notes), look_again_at(draft.incident, now), draft.hold)


def _absorb_word(draft: Draft, said: Ordered) -> None:
    if said.vote is None:
        absorb_order(draft, said)
    elif denied := absorb_vote(draft, said.vote):
        end_of_automation(draft, Result.REFUSED, denied)


def _absorb_alert(draft: Draft, alert: Alert) -> None:
    firing = alert.status is AlertStatus.FIRING
    fault = Fault(alert.fingerprint, alert.name, firing, alert.starts_at, one_line(_said_of_itself(alert)))
    others = draft.incident.faults
    known = next((other for other in others if other.fingerprint == fault.fingerprint), None)
    if known and known.firing and not fault.firing and alert.starts_at < known.starts_at:
        return  # a late word about an earlier occurrence of the same fault says nothing about this one
    faults = tuple(fault if other is known else other for other in others) if known else (*others, fault)
    draft.incident = replace(draft.incident, faults=faults, still_seen="")
    draft.note(_heard(alert), _alert_body(alert))
    if draft.incident.state is State.ESCALATED and fault.firing and not (known and known.firing):
        draft.call_people_again(f"{fault.name} fires too, and automation has stopped here")


def _said_of_itself(alert: Alert) -> str:
    """What its sender wrote for people, by the names that Alertmanager, Grafana and their rules use."""
    return next((text for name in _FOR_PEOPLE if (text := alert.annotations.get(name, ""))), "")


def _heard(alert: Alert) -> str:
    if alert.source != REQUEST:
        return f"alert.{alert.status.value}"
    return "request.made" if alert.status is AlertStatus.FIRING else "request.over"


def _course_body(incident: Incident) -> dict[str, object]:
    course = incident.course
    known = {"drill": course.drill, "policy_commit": course.policy_commit, "own": course.own}
    marked = {name: value for name, value in known.items() if value}
    return {
        **marked,
        "incident": incident.id,
        "trigger": course.trigger,
        "owner": course.owner,
        "mode": course.mode.value,
        "hosts": list(course.hosts),
        "policy_digest": course.policy_digest,
    }


def _alert_body(alert: Alert) -> dict[str, object]:
    return {
        "source": alert.source,
        "name": alert.name,
        "fingerprint": alert.fingerprint,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.starts_at.isoformat(),
    }
