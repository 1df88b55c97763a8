# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a case out of the records of one incident or run: each kind has one small function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.errors import BreakglassError
from breakglass.narrator import Narrator, told
from breakglass.report.case import Approval, Case
from breakglass.report.folding_access import (
    credential_refused,
    grant_minted,
    grant_not_minted,
    grant_not_proven_gone,
    grant_revoked,
    take_credentials,
    take_why,
)
from breakglass.report.folding_work import hosts_of, take_tasks, take_unknown
from breakglass.telling import recap, words
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.timeline import Event, Line


class EmptyCase(BreakglassError):
    """Raised when there is nothing that a report could be on."""


RUNNER = "runner"
_NO_END = "no end was recorded"


def case_of(name: str, records: Sequence[Record], now: datetime, unreadable: Sequence[str] = ()) -> Case:
    """Fold the records of a case, by time.

    Args:
        name: Of the incident or run.
        records: All of them.
        now: When the report is made: what ends later than that still lives.
        unreadable: What is said of lines that are no records.

    Raises:
        EmptyCase: There is no record.
    """
    if not records:
        raise EmptyCase(f"{printable(name)} has no record that can be read. Verify the journal.")
    events = [event_of(record) for record in records]
    case = Case(name, events[0].at, max(event.at for event in events), unreadable=list(unreadable))
    lines = told(events, Narrator())
    case.story = [(_time_of(line, case.began), line.name, line.text) for _, line in lines]
    for record, event in zip(records, events, strict=True):
        case.streams[record.origin] = case.streams.get(record.origin, 0) + 1
        if _is_of_a_preview(event):
            continue
        if taker := _TAKERS.get(event.kind):
            taker(case, event)
    take_tasks(case, [event for event in events if not _is_of_a_preview(event)])
    case.hosts = case.hosts or hosts_of(events)
    take_unknown(case, _unfinished([event for event in events if not _is_of_a_preview(event)]))
    take_credentials(case, records, now)
    case.result = case.result or _NO_END
    return case


def _unfinished(events: Sequence[Event]) -> list[tuple[Event, Line]]:
    """What has begun and of which no end was recorded."""
    narrator = Narrator()
    told(events, narrator)
    return narrator.unfinished()


def _is_of_a_preview(event: Event) -> bool:
    """Whether it tells of a preview's play, which did nothing on any host; the grant under it was a grant like any other."""
    return event.body.get("preview") is True and event.kind.partition(".")[0] in ("run", "play", "role", "task")


def _time_of(line: Line, began: datetime) -> str:
    """The time of day, with the day when it is not the first one."""
    day = "" if line.at.date() == began.date() else f"{line.at:%Y-%m-%d} "
    return f"{day}{line.at:%H:%M:%S.%f}"[:-3]


def _opened(case: Case, event: Event) -> None:
    body = event.body
    case.trigger = plain(body.get("trigger"))
    case.hosts = tuple(words(body.get("hosts")))
    case.facts |= {
        "trigger": case.trigger,
        "owner": plain(body.get("owner")),
        "mode": plain(body.get("mode")),
        "policy": plain(body.get("policy_digest")),
    }


def _alert(case: Case, event: Event) -> None:
    body = event.body
    said = [plain(body.get("name")), _first_annotation(body.get("annotations"))]
    why = f"{': '.join(part for part in said if part)} (firing since {plain(body.get('starts_at'))})"
    case.facts["alert"] = "; ".join(filter(None, (case.facts.get("alert"), why)))


def _first_annotation(annotations: object) -> str:
    if not isinstance(annotations, dict):
        return ""
    return plain(annotations.get("summary")) or next((plain(text) for text in annotations.values()), "")


def _plan(case: Case, event: Event) -> None:
    body = event.body
    case.access = plain(body.get("access"))
    case.hosts = tuple(words(body.get("hosts"))) or case.hosts
    parameters = body.get("parameters")
    if isinstance(parameters, dict):
        case.parameters = {str(name): _as_text(value) for name, value in parameters.items()}
    case.facts |= {
        "remediation": plain(body.get("remediation")),
        "remediation digest": plain(body.get("content_digest")),
        "plan digest": plain(body.get("digest")),
        "time box": f"{plain(body.get('time_box_seconds'))} s",
    }


def _previewed(case: Case, event: Event) -> None:
    case.facts["preview"] = f"{plain(event.body.get('why'))}, digest {plain(event.body.get('preview'))}"


def _approval(case: Case, event: Event) -> None:
    told = (plain(event.body.get(name)) for name in ("by", "policy_line", "digest"))
    case.approvals.append(Approval(event.at, *told))


def _run_started(case: Case, event: Event) -> None:
    body = event.body
    who = f"{plain(body.get('user'))} (uid {plain(body.get('uid'))}) on {plain(body.get('controller'))}"
    door, mode = plain(body.get("door")), " in check mode" if body.get("check_mode") is True else ""
    playbook = plain(body.get("playbook")) or "ad-hoc command"
    job = body.get("awx")
    case.facts |= {
        "AWX job": ", ".join(f"{name} {plain(value)}" for name, value in job.items()) if isinstance(job, dict) else "",
        "playbook digest": plain(body.get("playbook_digest")),
        "git commit": plain(body.get("commit")),
        "limit": plain(body.get("limit")),
        "door": f"{door}{mode}",
        "executed by": who,
        "playbook": playbook,
        "versions": f"ansible-core {plain(body.get('ansible_core'))}, collection {plain(body.get('collection'))}",
    }
    case.trigger = case.trigger or playbook


def _request_made(case: Case, event: Event) -> None:
    labels = event.body.get("labels")
    asked = labels if isinstance(labels, dict) else {}
    take_why(case, asked)
    who = [text for name in ("person", "entity") if (text := plain(asked.get(name)))]
    case.facts["requested by"] = ", entity ".join(who)


def _role_started(case: Case, event: Event) -> None:
    role = " ".join(filter(None, (plain(event.body.get("role")), plain(event.body.get("digest")))))
    known = case.facts.get("roles", "")
    case.facts["roles"] = "; ".join(dict.fromkeys(filter(None, (*known.split("; "), role))))


def _play_ended(case: Case, event: Event) -> None:
    outcome, why = plain(event.body.get("outcome")), plain(event.body.get("why"))
    case.plays.append((event.at, outcome, why))
    if outcome == "unknown":
        case.unknown.append(f"play: {why}")


def _run_ended(case: Case, event: Event) -> None:
    if case.facts.get("door", "").startswith(RUNNER):  # the runner has its own word on it
        return
    hosts = event.body.get("hosts")
    case.plays.append((event.at, "ended", recap(hosts)))
    case.result = "failed" if _any_failed(hosts) else "ok"


def _any_failed(hosts: object) -> bool:
    counted = hosts.values() if isinstance(hosts, dict) else ()
    return any(isinstance(counts, dict) and (counts.get("failures") or counts.get("unreachable")) for counts in counted)


def _run_cut_off(case: Case, event: Event) -> None:
    word = event.kind.partition(".")[2]
    case.plays.append((event.at, word, plain(event.body.get("why"))))
    case.result = case.result or word
    if event.body.get("tasks_in_flight"):
        case.unknown.append(f"run {word}: tasks in flight, {plain(event.body.get('tasks_in_flight'))}")


def _refused(case: Case, event: Event) -> None:
    case.refusals.append(plain(event.body.get("why")))


def _interrupted(case: Case, event: Event) -> None:
    effect = plain(event.body.get("effect"))
    if not (event.body.get("preview") is True and effect == "run-play"):  # a preview's play does nothing
        case.unknown.append(f"{effect}: the runner died")


def _override(case: Case, event: Event) -> None:
    case.overrides.append(f"{plain(event.body.get('by'))}: {plain(event.body.get('why'))}")


def _escalation(case: Case, event: Event) -> None:
    body = event.body
    said = {
        "escalation.begun": f"escalated to {plain(body.get('ladder'))}: {plain(body.get('why'))}",
        "escalation.delivered": f"told {', '.join(words(body.get('channels')))}",
        "escalation.not_delivered": f"told nobody yet: {plain(body.get('why'))}",
    }
    case.people.append((event.at, said[event.kind]))
    case.result = "escalated"


def _closed(case: Case, event: Event) -> None:
    case.result = plain(event.body.get("result"))


def _as_text(value: object) -> str:
    return plain(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_TAKERS: dict[str, Callable[[Case, Event], None]] = {
    "incident.opened": _opened,
    "alert.firing": _alert,
    "alert.refused": _refused,
    "request.made": _request_made,
    "request.refused": _refused,
    "role.started": _role_started,
    "limits.refused": _refused,
    "plan.made": _plan,
    "plan.previewed": _previewed,
    "approval.given": _approval,
    "override.used": _override,
    "run.started": _run_started,
    "run.ended": _run_ended,
    "run.stopped": _run_cut_off,
    "run.died": _run_cut_off,
    "grant.minted": grant_minted,
    "grant.opened": grant_minted,
    "grant.not_minted": grant_not_minted,
    "grant.revoked": grant_revoked,
    "grant.not_proven_gone": grant_not_proven_gone,
    "play.ended": _play_ended,
    "credential.refused": credential_refused,
    "effect.interrupted": _interrupted,
    "escalation.begun": _escalation,
    "escalation.delivered": _escalation,
    "escalation.not_delivered": _escalation,
    "incident.closed": _closed,
}
