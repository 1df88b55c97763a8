# SPDX-License-Identifier: GPL-3.0-or-later
"""What an approver decides about, line by line: the same in the message, on the terminal and on the page. Pure.

Whatever comes from outside is quoted: one line, no control characters, capped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from breakglass.domain.past_requests import DAYS
from breakglass.domain.previews import preview_lines
from breakglass.domain.text import one_line
from breakglass.domain.voting import SHOWN_DIGITS, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.domain.incident import Incident
    from breakglass.domain.plan import Plan

Line = tuple[str, str]


def question_lines(incident: Incident, yours: frozenset[str] = frozenset()) -> list[Line]:
    """Label and text of each line; empty when the incident has no plan.

    Args:
        incident: What is asked about.
        yours: The groups by which a yes of whoever reads this would count; none in a message to many.
    """
    plan, quorum = incident.course.plan, incident.course.quorum
    if plan is None or quorum is None:
        return []
    return [
        *_why(incident, plan),
        ("opens", f"{', '.join(incident.course.opens) or 'nothing'} on {one_line(', '.join(plan.hosts))}"),
        *_work(plan),
        *_preview(incident),
        ("still needed", missing(incident, quorum, yours)),
        *[
            ("approved", f"{vote.person} ({', '.join(vote.groups)}) at {vote.at:%H:%M:%S} UTC")
            for vote in incident.votes
        ],
        ("plan", f"{_short(plan.digest)} · policy {_short(incident.course.policy_digest)}{_commit(incident)}"),
        *_past(incident),
        ("time", f"until {incident.since + quorum.within:%H:%M:%S} UTC, then the question is over"),
    ]


def headline(incident: Incident) -> str:
    """What is asked, in one line."""
    asker, plan = incident.course.asked_by, incident.course.plan
    what = (
        plan.access if plan and plan.lends else plan.remediation.rpartition(".")[2] if plan else incident.course.trigger
    )
    if incident.course.quorum is None and asker is None:
        return one_line(f"{incident.what}: people were called")
    hosts = one_line(", ".join(incident.course.hosts))
    what = f"more time ({plan.extends}): {what}" if plan and plan.extends else what
    drill = "DRILL: " if incident.course.drill else ""
    return f"{drill}{asker.person} asks for {what} on {hosts}" if asker else f"{drill}{what} on {hosts} needs a yes"


def summary(incident: Incident) -> str:
    """An override in one line, for whoever judges it."""
    asker, plan = incident.course.asked_by, incident.course.plan
    who, why = (asker.person or asker.name, asker.reason) if asker else ("somebody", "")
    what = f"{plan.access} on {', '.join(plan.hosts)}" if plan else incident.course.trigger
    return one_line(f"{who} opened {what} without approval: {why}")


def _why(incident: Incident, plan: Plan) -> Iterator[Line]:
    asker, box = incident.course.asked_by, f"{plan.time_box_seconds // 60}m {plan.time_box_seconds % 60:02d}s"
    if asker is None:
        yield "because", one_line(incident.what)
    else:
        account = () if asker.name == asker.person else (asker.name,)
        yield "who", f"{asker.person} ({', '.join((*account, *asker.groups))})"
        yield "because", one_line(f"{asker.reason} · {asker.ticket}" if asker.ticket else asker.reason)
    yield "asks for", f"{plan.access}, {box} from the moment it opens"
    if plan.extends:
        yield "extends", f"{plan.extends}, which is closed then: its sessions go on until the new end"


def _work(plan: Plan) -> Iterator[Line]:
    if plan.lends:
        return
    yield "runs", plan.remediation + (" (check mode: changes nothing)" if plan.check_mode else "")
    for name, value in plan.parameters.items():
        yield "with", one_line(f"{name} = {json.dumps(value, ensure_ascii=False)}")


def _past(incident: Incident) -> Iterator[Line]:
    asker = incident.course.asked_by
    if asker is not None and asker.past is not None:
        yield f"{asker.person or asker.name} in {DAYS} days", asker.past.sentence


def _preview(incident: Incident) -> Iterator[Line]:
    if incident.previews:
        open_still = incident.blocked or "its grant is being closed"
        yield "preview", one_line(f"is not over yet ({open_still}); a yes or no is taken when it is")
    if incident.previewed is not None:
        yield from preview_lines(incident.previewed)


def _commit(incident: Incident) -> str:
    course = incident.course
    whose = f", {course.policy_author}" if course.policy_author else ""
    return f" (git {course.policy_commit[:7]}{whose})" if course.policy_commit else ""


def _short(digest: str) -> str:
    return digest[:SHOWN_DIGITS]
