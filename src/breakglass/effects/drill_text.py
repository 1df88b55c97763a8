# SPDX-License-Identifier: GPL-3.0-or-later
"""The message at the end of a drill: that it is one, whether it came through, and a sentence for each phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.calls import NAMES_LIMIT
from breakglass.domain.drills import Measured, Passage, Phase
from breakglass.domain.incident import State
from breakglass.domain.text import one_line
from breakglass.effects.escalation_text import EscalationText

if TYPE_CHECKING:
    from breakglass.domain.incident import Incident

WIDTH = 11


def drill_text(incident: Incident, measured: Measured, page: str = "") -> EscalationText:
    """Write what everybody of the drill's ladder is told; `page` is where a failure can be acknowledged, empty where nowhere."""
    course = incident.course
    hosts = one_line(", ".join(course.hosts), NAMES_LIMIT) or "no host"
    well = incident.state is State.VERIFYING and not measured.failures
    what = f"{course.trigger} on {hosts}"
    subject = f"breakglass DRILL {course.drill}: {what} {_outcome(measured) if well else _failure(incident, measured)}"
    return EscalationText(
        f"{subject} {incident.id}",
        "\n".join([*_lines(incident, measured, what, well=well), *_acknowledging(page, well=well)]),
    )


def _outcome(measured: Measured) -> str:
    return f"came through in {measured.seconds:.1f} s. Nothing to do."


def _failure(incident: Incident, measured: Measured) -> str:
    at = f" at {measured.failures[0].phase.value}" if measured.failures else ""
    if incident.open_grant:
        return f"FAILED{at}: a grant can't be proven gone. You are needed."
    return f"FAILED{at}: a real alert would not have been repaired. You are needed."


def _lines(incident: Incident, measured: Measured, what: str, *, well: bool) -> list[str]:
    course, plan = incident.course, incident.course.plan
    how = " in check mode, nothing was changed" if plan and plan.check_mode else ""
    lines = [f"DRILL      {course.drill}: {what} was rehearsed{how}. No alert is behind it."]
    if not well and incident.escalation:
        lines.append(f"WHY        {one_line(incident.escalation.reason)}")
    lines += [_line(passage, well=well) for passage in measured.passages]
    if course.holds_host:
        lines.append(f"HELD       {', '.join(course.hosts)}: breakglass hold lift --host HOST --reason …")
    lines.append(f"{incident.id} · policy {course.policy_digest[:8]} · owner {course.owner or 'unsaid'}")
    return lines


def _acknowledging(page: str, *, well: bool) -> list[str]:
    return [f"ACK        {page}"] if page and not well else []


def _line(passage: Passage, *, well: bool) -> str:
    name = passage.phase.value.ljust(WIDTH)
    if passage.failed:
        return f"{name}FAILED: {one_line(passage.sentence)}"
    if passage.phase is Phase.TOLD and passage.seconds is None:
        return f"{name}by this message"
    if passage.seconds is None:
        return f"{name}{'not reached yet' if well else 'not reached'}"
    return f"{name}+{passage.seconds:.3f} s  {one_line(passage.sentence)}"
