# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents that people were called for: who may look at one and say that they have it, and what it says of itself. Pure.

To acknowledge ends the calling, so it is for people whom an admin has named, and who have a part in the policy at all.
Whatever comes from outside is quoted: one line, no control characters, capped, and never made a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.incident import PlayOutcome, State
from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from breakglass.domain.incident import Attempt, Incident
    from breakglass.domain.question import Line
    from breakglass.domain.requests import Person

NAMES_LIMIT = 120
NAME_LIMIT = 60
MOST_EVIDENCE = 3
HARMLESS = (None, PlayOutcome.FAILED, PlayOutcome.NOT_STARTED)


def may_hear(incident: Incident, person: Person, groups: Collection[str]) -> bool:
    """Whether people were called for it, and this is one of them: named (`person`), and in a group whose members act by the policy.

    Where there is no such group, everybody whom an admin has named is one of them.
    """
    has_part = not groups or not person.groups.isdisjoint(groups)
    return incident.escalation is not None and bool(person.person) and has_part


def waits_to_be_heard(incident: Incident) -> bool:
    """Whether people are being called, and nobody has said yet that they have it."""
    escalation = incident.escalation
    return escalation is not None and not escalation.acknowledged_by and incident.state is not State.CLOSED


def names_of(incident: Incident) -> str:
    """Which alerts it is about, each name once."""
    names = ", ".join(dict.fromkeys(one_line(fault.name, NAME_LIMIT) for fault in incident.faults))
    return one_line(names or incident.course.trigger, NAMES_LIMIT)


def hosts_of(incident: Incident) -> str:
    """Where it is."""
    return one_line(", ".join(incident.course.hosts), NAMES_LIMIT) or "no host"


def called_lines(incident: Incident) -> list[Line]:
    """Label and text of each line for who was called: the same in the message and on the page."""
    return list(_lines(incident))


def _lines(incident: Incident) -> Iterator[Line]:
    course, repairs = incident.course, incident.repairs
    since = min((fault.starts_at for fault in incident.faults), default=incident.opened_at)
    what = f"{names_of(incident)} on {hosts_of(incident)}"
    yield "what", f"{what}, since {since:%Y-%m-%d %H:%M} UTC (trigger {course.trigger})"
    if incident.escalation is not None:
        yield "why", one_line(incident.escalation.reason)
    for attempt in repairs:
        if attempt.outcome is not None:
            yield "tried", f"attempt {attempt.number}: {attempt.outcome.value}: {one_line(attempt.sentence)}"
    yield from _evidence(incident)
    yield "state", _grants(incident.attempts)
    if course.plan is not None:
        yield "plan", one_line(f"{course.plan.remediation} under {course.plan.access}, digest {course.plan.digest[:8]}")
    if repairs:
        yield from _held(incident)
    if course.runbook:
        yield "runbook", course.runbook


def _evidence(incident: Incident) -> Iterator[Line]:
    """What the alerts say themselves, and where the last repair has kept how it found the hosts."""
    said = dict.fromkeys(fault.says for fault in incident.faults if fault.says)
    kept = next((attempt.evidence for attempt in reversed(incident.repairs) if attempt.evidence), ())
    yield from _first("the alert says: ", tuple(said))
    yield from _first("", kept)


def _first(before: str, texts: tuple[str, ...]) -> Iterator[Line]:
    for number, text in enumerate(texts[:MOST_EVIDENCE], 1):
        left = len(texts) - MOST_EVIDENCE if number == MOST_EVIDENCE else 0
        yield "evidence", f"{before}{one_line(text)}{f'; and {left} more' if left > 0 else ''}"


def _held(incident: Incident) -> Iterator[Line]:
    hosts = hosts_of(incident)
    if incident.course.holds_host and any(attempt.outcome not in HARMLESS for attempt in incident.repairs):
        yield "held", f"{hosts}: nothing else starts there, and other alerts of it wait, until the hold is lifted"
        yield "then", "a remediation that releases the host, or: breakglass hold lift HOST --reason …"
    elif incident.state is not State.CLOSED:
        yield "held", f"{hosts}: no other trigger will work there until this incident is closed"


def _grants(attempts: Collection[Attempt]) -> str:
    for attempt in attempts:
        if attempt.accessor and attempt.proven_at is None:
            until = f"{attempt.expires_at:%H:%M:%S} UTC" if attempt.expires_at else "the end of its box"
            return f"grant {attempt.accessor[:6]}… is NOT proven gone; it dies by itself at {until}"
    opened = any(attempt.accessor for attempt in attempts)
    return "no grant is open: all were revoked, proven" if opened else "no grant was opened"
