# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents that people were called for: who may look at one and say that they have it, and what it says of itself. Pure.

To acknowledge ends the calling, so it is for people whom an admin has named, and who have a part in the policy at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.incident import State
from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from breakglass.domain.incident import Attempt, Incident
    from breakglass.domain.requests import Person


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


def called_lines(incident: Incident) -> list[tuple[str, str]]:
    """Label and text of each line for who was called; the message says the same."""
    return list(_lines(incident))


def _lines(incident: Incident) -> Iterator[tuple[str, str]]:
    course = incident.course
    yield "what", one_line(incident.what)
    yield "trigger", one_line(f"{course.trigger}{f' of {course.owner}' if course.owner else ''}")
    if incident.escalation is not None:
        yield "why", one_line(incident.escalation.reason)
    for attempt in incident.repairs:
        if attempt.outcome is not None:
            yield "tried", one_line(f"{attempt.outcome.value}: {attempt.sentence}")
    yield "grants", _grants(incident)
    if course.plan is not None:
        yield "plan", one_line(f"{course.plan.remediation} under {course.plan.access}, {course.plan.digest[:8]}")


def _grants(incident: Incident) -> str:
    opened: list[Attempt] = [attempt for attempt in incident.attempts if attempt.accessor]
    if not opened:
        return "none was opened"
    return "one is NOT proven gone" if incident.open_grant else "none is open: all were revoked, proven"
