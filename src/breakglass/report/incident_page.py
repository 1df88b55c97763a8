# SPDX-License-Identifier: GPL-3.0-or-later
"""One incident on one page for who is called to it: how it stands, what was planned, what each attempt did, who was told. Pure.

What has happened stands in the journal; how the incident stands now, and what it waits for, in the database. Where there
is only a journal the page goes by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.domain.incident import State
from breakglass.narrator import CREDENTIAL_MODULES, OWN, Narrator, told
from breakglass.telling import short
from breakglass.timeline import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from breakglass.domain.incident import Incident
    from breakglass.report.case import Case
    from breakglass.timeline import Event

LONGEST = 400
"""Characters of a line; the whole text stands in the record."""
_ABOVE = frozenset({"incident.opened", "alert.refused", "plan.made", "approval.given", "request.made"})
"""Kinds that stand above what happened."""
_BEGINNINGS = frozenset({"grant.minted", "escalation.begun"})
"""Kinds that always have their time."""
_GRANTS = CREDENTIAL_MODULES | {"grant"}
"""Our modules that open something: they change no host, and what they opened has lines of its own."""
_REACHED = {
    "incident.opened": State.RECEIVED,
    "limits.waiting": State.WAITING,
    "attempt.again": State.WAITING,
    "plan.made": State.APPROVING,
    "grant.intent": State.OPENING,
    "play.intent": State.RUNNING,
    "play.ended": State.CLOSING,
    "grant.revoked": State.VERIFYING,
    "plan.previewed": State.APPROVING,
    "escalation.begun": State.ESCALATED,
    "incident.closed": State.CLOSED,
}


@dataclass(frozen=True)
class Standing:
    """How an incident stands.

    Attributes:
        state: In a word.
        how: The result, or who has acknowledged; may be empty.
        waits_for: What it needs to go on, with the commands that help; may be empty.
    """

    state: State
    how: str
    waits_for: str


def standing_of(incident: Incident) -> Standing:
    """How it stands by the database."""
    called = incident.escalation
    if incident.state is State.CLOSED:
        return Standing(incident.state, incident.result.value if incident.result else "", "")
    heard = "" if called is None else _heard(called.acknowledged_by)
    if incident.state is State.ESCALATED:
        return Standing(
            incident.state, heard, _needs(incident.id, acknowledged=bool(called and called.acknowledged_by))
        )
    ways = {
        State.VERIFYING: "Prometheus, which is asked whether the fault is gone"
        if incident.resolved
        else f"the alert to resolve, within {incident.course.alert_resolves_within.total_seconds() / 60:g} min",
        State.CLOSING: "the proof that its grant is gone",
        State.RUNNING: "the end of its play",
    }
    way = ways.get(incident.state, "its turn" if incident.blocked else "")
    return Standing(incident.state, heard, f"{way}: {incident.blocked}" if incident.blocked else way)


def standing_by(name: str, events: Sequence[Event]) -> Standing:
    """How it stands as far as a journal tells."""
    state, how, acknowledged = State.RECEIVED, "", ""
    for event in events:
        state = _REACHED.get(event.kind, state)
        if event.kind == "order.given" and event.body.get("word") == "acknowledge":
            acknowledged = plain(event.body.get("by"))
        elif event.kind == "escalation.begun":
            acknowledged = ""
        elif event.kind == "incident.closed":
            how = plain(event.body.get("result"))
    if state is State.ESCALATED:
        return Standing(state, _heard(acknowledged), _needs(name, acknowledged=bool(acknowledged)))
    return Standing(state, how, "")


def page_lines(case: Case, events: Sequence[Event], standing: Standing, *, every_task: bool = False) -> Iterator[str]:
    """The page; every line is safe to look at."""
    hosts = ", ".join(case.hosts) or "no host"
    how = f", {standing.how}" if standing.how else ""
    yield _safe(f"{case.name}  {case.trigger}  {hosts}   {standing.state.value.upper()}{how}")
    for name, text in _facts(case):
        yield _safe(f"  {name:<9} {text}")
    yield ""
    yield from _story(events, every_task=every_task)
    yield ""
    for name, text in _below(case, standing):
        yield _safe(f"  {name:<9} {text}")


def page_object(case: Case, standing: Standing) -> dict[str, object]:
    """The same for programs; texts are as they came."""
    return {
        "id": case.name,
        "state": standing.state.value,
        "how": standing.how,
        "waits_for": standing.waits_for or None,
        "trigger": case.trigger,
        "hosts": list(case.hosts),
        "access": case.access or None,
        "opened_at": case.began.isoformat(),
        "last_record_at": case.ended.isoformat(),
        "facts": {name: text for name, text in case.facts.items() if text},
        "parameters": dict(case.parameters),
        "approvals": [
            {"at": one.at.isoformat(), "by": one.by, "policy_line": one.policy_line} for one in case.approvals
        ],
        "attempts": [{"at": at.isoformat(), "outcome": outcome, "why": why} for at, outcome, why in case.plays],
        "grants": [
            {
                "accessor": one.accessor,
                "opened_at": one.opened_at.isoformat(),
                "expires_at": one.expires_at,
                "proven_gone_at": one.proven_at.isoformat() if one.proven_at else None,
                "remains": one.remains,
            }
            for one in case.grants
        ],
        "credentials": [{"what": one.what, "kind": one.kind, "end": one.end} for one in case.credentials],
        "changes": [{"host": host, "task": task} for host, task in case.tasks.changes],
        "failures": [{"host": host, "task": task, "why": why} for host, task, why in case.tasks.failures],
        "unknown": list(case.unknown),
        "refused": list(case.refusals),
        "people": [{"at": at.isoformat(), "what": what} for at, what in case.people],
        "streams": dict(case.streams),
    }


def _facts(case: Case) -> Iterator[tuple[str, str]]:
    facts = case.facts
    owner = f"   {facts['owner']}" if facts.get("owner") else ""
    yield "opened", f"{case.began:%Y-%m-%d %H:%M:%S} UTC  {facts.get('alert') or facts.get('reason', '')}{owner}"
    if asked := facts.get("requested by"):
        yield "asked by", f"{asked}{': ' + facts['reason'] if facts.get('reason') else ''}"
    if facts.get("plan digest"):
        role = facts.get("remediation", "").rpartition(".")[2] or "a grant, lent"
        given = " ".join(f"{name}={value}" for name, value in case.parameters.items())
        digest = facts["plan digest"]
        yield (
            "plan",
            f"{digest[:4]} {digest[4:8]}  {role} {given}".rstrip() + f"   {case.access}, {facts.get('time box', '')}",
        )
    for why in dict.fromkeys(case.refusals):
        yield "refused", why
    for approval in case.approvals[:1]:
        yield "approval", f"{approval.by} ({approval.policy_line})"
    policy = facts.get("policy", "")
    yield "policy", f"{policy[:4]} {policy[4:8]}, mode {facts.get('mode', '')}"


def _story(events: Sequence[Event], *, every_task: bool) -> Iterator[str]:
    """What happened, with the time where it changes; of the tasks those that changed or broke something."""
    if not events:
        return
    narrator, before, attempt, day = Narrator(), "", 0, events[0].at.date()
    first = next((event for event in events if event.kind == "alert.firing"), None)
    for event, line in told(events, narrator, _Tasks(narrator, every_task=every_task).tell):
        if event.kind in _ABOVE or event is first:
            continue
        name, text = line.name, line.text
        if event.kind == "grant.minted":
            previews = event.body.get("preview") is True
            attempt += not previews
            name, text = "preview" if previews else f"attempt {attempt}", f"grant {short(event.body.get('accessor'))}"
        if line.at.date() != day:
            day = line.at.date()
            yield f"  {day}"
        at = f"{line.at:%H:%M:%S}"
        shown = at if at != before or event.kind in _BEGINNINGS else ""
        yield _safe(f"  {shown:<8}  {name:<11} {text}")
        before = at


class _Tasks:
    """A narrator's way of telling that keeps to what matters of a play: changes, failures, evidence, unknown outcomes."""

    def __init__(self, narrator: Narrator, *, every_task: bool) -> None:
        self._narrator = narrator
        self._every = every_task
        self._tasks: dict[str, tuple[str, str]] = {}

    def tell(self, event: Event) -> Line | None:
        """The line for an event; None for one that need not be seen here."""
        line, task = self._narrator.tell(event), plain(event.body.get("task"))
        if event.kind in ("task.started", "task.intent", "handler.started"):
            self._tasks[task] = (plain(event.body.get("name")).removeprefix(OWN), plain(event.body.get("action")))
        if event.kind == "task.result" and event.body.get("preview") is True and not self._every:
            return None  # what it would change is told with the question
        if event.kind == "grant.opened" or (event.kind == "task.result" and event.body.get("accessor")):
            return None  # the attempt has said so
        if event.kind != "task.result" or self._every:
            return line
        return _result(event, *self._tasks.get(task, ("a task", "")))


def _result(event: Event, name: str, action: str) -> Line | None:
    body = event.body
    where, status = f"{name} on {plain(body.get('host'))}", plain(body.get("status"))
    if body.get("sha256") and body.get("path"):
        kept = f"{plain(body.get('path'))}, sha256 {plain(body.get('sha256'))[:8]}…"
        return _line(event, "evidence", f"{plain(body.get('host'))}: {kept}")
    if status in ("failed", "unreachable"):
        return _line(event, status.upper(), f"{where}: {plain(body.get('msg'))}")
    changed = body.get("changed") is True and action.removeprefix(OWN) not in _GRANTS
    return _line(event, "changed", where) if changed else None


def _line(event: Event, name: str, text: str) -> Line:
    return Line(event.at, printable(name), printable(text))


def _below(case: Case, standing: Standing) -> Iterator[tuple[str, str]]:
    if standing.waits_for:
        yield "waits for", standing.waits_for
    records = sum(case.streams.values())
    directory = next(iter(case.streams)).rpartition("/")[0] if case.streams else ""
    yield "journal", f"{directory}/, {len(case.streams)} streams, {records} records. Genuine? breakglass audit verify"
    yield "more", f"--tasks   --json   breakglass audit show {case.name}   breakglass audit report {case.name}"


def _heard(by: str) -> str:
    return f"acknowledged by {by}" if by else "NOT acknowledged"


def _needs(name: str, *, acknowledged: bool) -> str:
    ack = "" if acknowledged else f"breakglass ack {name}   "
    return f"the alert to resolve, or: {ack}breakglass close {name} --reason …   breakglass retry {name} --reason …"


def _safe(line: str) -> str:
    shown = printable(line.rstrip())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
