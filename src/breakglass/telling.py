# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of each kind of record: a first word and a sentence. Pure; what comes out is not yet safe to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.domain.plan import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, object]
Told = tuple[str, str]


def told_of(kind: str, body: Body) -> Told | None:
    """Say what a record of this kind tells; None for one that people need not see."""
    teller = _TELLERS.get(kind)
    told = teller(body) if teller else None
    return (told[0], f"preview: {told[1]}") if told and body.get("preview") is True else told


def words(value: object) -> list[str]:
    """Return the texts of a list; none of what is no list."""
    return [plain(item) for item in value] if isinstance(value, list) else []


def remains(body: Body) -> str:
    """Say what outlived a grant: the guard writes a list, the runner a sentence."""
    value = body.get("remains")
    return "; ".join(words(value)) if isinstance(value, list) else plain(value)


def clock(moment: object) -> str:
    """Return the time of day of an RFC 3339 text; the text itself when it is none."""
    text = plain(moment)
    return text[11:19] if len(text) > 18 else text  # noqa: PLR2004 (HH:MM:SS of an RFC 3339 text)


def short(accessor: object) -> str:
    """Return enough of an accessor to know it again."""
    text = plain(accessor)
    return f"{text[:4]}…{text[-2:]}" if text else ""


def recap(hosts: object) -> str:
    """Say what Ansible counted for each host."""
    if not isinstance(hosts, dict):
        return ""
    return "; ".join(f"{host}: {_counts(counts)}" for host, counts in hosts.items())


def _counts(counts: object) -> str:
    if not isinstance(counts, dict):
        return "nothing"
    named = {"failures": "failed"}
    return ", ".join(f"{number} {named.get(name, name)}" for name, number in counts.items() if number) or "nothing"


def _opened(body: Body) -> Told:
    if body.get("own") is True:
        return "incident", f"{plain(body.get('trigger'))}: the runner tells of itself"
    drill = f"DRILL {plain(body['drill'])}: " if body.get("drill") else ""
    return "incident", f"{drill}{plain(body.get('trigger'))} on {', '.join(words(body.get('hosts'))) or 'no host'}"


def _plan(body: Body) -> Told:
    hosts = in_turn(words(body.get("hosts")), plain(body.get("rollout")))
    role = plain(body.get("remediation")).rpartition(".")[2]
    digest = plain(body.get("digest"))
    box = f"{_number(body.get('time_box_seconds')) / 60:g}m"
    role = f"{role} in check mode" if body.get("check_mode") is True else role
    return "plan", f"{role} on {hosts} · {plain(body.get('access'))} · {box}   digest {digest[:4]} {digest[4:8]}"


def _observed(body: Body) -> Told:
    if why := plain(body.get("would_not_have_run")):
        return "observed", f"would not have run: {why}"
    window = plain(body.get("maintenance"))
    where = f", but for the maintenance window {window}" if window else ""
    return "observed", f"would have run {plain(body.get('would_have_run'))}{where}"


def _revoked(body: Body) -> Told:
    left = remains(body)
    return "revoked", f"grant gone, proven{': ' + left if left else ''}"


def _run_started(body: Body) -> Told | None:
    if body.get("door") == "runner":
        return None
    mode = " · check mode" if body.get("check_mode") is True else ""
    who = f"by {plain(body.get('user'))} on {plain(body.get('controller'))}"
    return "run", f"{plain(body.get('playbook')) or 'ad-hoc command'} {who}{mode}"


def _reason(body: Body) -> Told | None:
    said = [text for name in ("reason", "ticket") if (text := plain(body.get(name)))]
    return ("reason", " · ".join(said)) if said else None


def _obtained(body: Body) -> Told:
    until = clock(body.get("expires_at"))
    return "credential", f"{plain(body.get('what'))}{', until ' + until if until else ''}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _request(body: Body) -> Told:
    labels = body.get("labels")
    asked = labels if isinstance(labels, dict) else body
    said = {name: plain(asked.get(name)) for name in ("person", "access", "hosts", "reason", "ticket")}
    why = " · ".join(filter(None, (said["reason"], said["ticket"])))
    more = f"more time ({plain(asked.get('extends'))}): " if asked.get("extends") else ""
    return "request", f"{said['person'] or 'somebody'} asks for {more}{said['access']} on {said['hosts']}: {why}"


def _item(body: Body) -> Told | None:
    """An item is told only when it went wrong: the task's result sums the others up."""
    status = plain(body.get("status"))
    if status not in ("failed", "unreachable"):
        return None
    return "item", f"{plain(body.get('item'))} on {plain(body.get('host'))} {status.upper()}: {plain(body.get('msg'))}"


def _who(body: Body) -> str:
    groups = ", ".join(words(body.get("groups")))
    return f"{plain(body.get('by'))}{f' of {groups}' if groups else ''}"


def _judged(body: Body) -> str:
    return f" ({plain(body.get('verdict'))})" if body.get("verdict") else ""


def _held(body: Body) -> str:
    scope, name = plain(body.get("scope")), plain(body.get("name"))
    return "everything" if scope == "all" else f"{scope} {name}"


def _why(word: str, before: str = "") -> Callable[[Body], Told]:
    return lambda body: (word, f"{before}{plain(body.get('why'))}")


def _network(body: Body) -> str:
    kind = plain(body.get("from"))
    return kind if kind == "this machine" else f"a network that is {kind}"


def _session(body: Body) -> Told:
    command = plain(body.get("command"))
    what = f"`{command}`" if command else "a shell"
    return "session", f"{plain(body.get('person'))} on {plain(body.get('host'))} as {plain(body.get('user'))}: {what}"


def _session_over(body: Body) -> Told:
    status = f", exit status {body['status']}" if "status" in body else ""
    text = f"over after {_number(body.get('seconds')):.0f} s{status}: {plain(body.get('why'))}"
    if body.get("proven") is True:
        return "session", f"{text}; nothing of it goes on"
    return "session", f"{text}; NOT PROVEN ENDED: {plain(body.get('left'))}"


_TELLERS: dict[str, Callable[[Body], Told | None]] = {
    "incident.opened": _opened,
    "alert.firing": lambda body: ("alert", f"{plain(body.get('name'))}   stored, answered 202"),
    "alert.resolved": lambda body: ("alert", f"{plain(body.get('name'))} resolved"),
    "alert.refused": _why("refused"),
    "alert.unmatched": lambda body: ("alert", f"{plain(body.get('name'))} meets no trigger"),
    "drill.ended": lambda body: (
        "drill",
        f"{plain(body.get('drill'))} {plain(body.get('result'))}   {'; '.join(words(body.get('failures')))}".rstrip(),
    ),
    "digest.delivered": lambda body: ("digest", f"told by {plain(body.get('channel'))}"),
    "digest.not_delivered": lambda body: (
        "digest",
        f"NOT YET TOLD by {plain(body.get('channel'))}: {plain(body.get('why'))}",
    ),
    "limits.waiting": _why("waiting"),
    "limits.refused": _why("refused"),
    "incidents.pruned": lambda body: (
        "forgotten",
        f"{len(words(body.get('incidents')))} incidents that closed before {plain(body.get('closed_before'))[:10]}",
    ),
    "order.given": lambda body: (
        plain(body.get("word")),
        f"by {plain(body.get('by'))}{_judged(body)}: {plain(body.get('why'))}".removesuffix(": "),
    ),
    "order.refused": lambda body: (
        "too late",
        f"{plain(body.get('word'))} by {plain(body.get('by'))}: {plain(body.get('why'))}",
    ),
    "hold.set": lambda body: ("held", f"{_held(body)} by {plain(body.get('by'))}: {plain(body.get('reason'))}"),
    "hold.lifted": lambda body: ("lifted", f"{_held(body)} by {plain(body.get('by'))}: {plain(body.get('why'))}"),
    "login.tried": lambda body: (
        "login",
        f"{plain(body.get('by'))} tries {plain(body.get('access'))} on {', '.join(words(body.get('hosts')))}",
    ),
    "login.ended": lambda body: (
        "login",
        "; ".join([f"let in by {', '.join(words(body.get('hosts'))) or 'no host'}", *words(body.get("failures"))]),
    ),
    "sign_in.accepted": lambda body: ("signed in", f"{plain(body.get('by'))}, from {_network(body)}"),
    "sign_in.refused": lambda body: ("sign-in", f"REFUSED, from {_network(body)}: {plain(body.get('why'))}"),
    "sign_in.ended": lambda body: ("signed out", f"{plain(body.get('by'))}, from {_network(body)}"),
    "plan.made": _plan,
    "plan.previewed": lambda body: ("preview", f"{plain(body.get('why'))} (check mode)"),
    "approval.asked": lambda body: ("asked", ", ".join(words(body.get("channels")))),
    "approval.not_asked": _why("asked", "NOBODY YET: "),
    "approval.given": lambda body: ("approval", f"{_who(body)} (policy {plain(body.get('policy_line'))})"),
    "approval.denied": lambda body: ("denied", f"{_who(body)}: {plain(body.get('why'))}"),
    "approval.refused": lambda body: ("not heard", f"a vote of {plain(body.get('by'))}: {plain(body.get('why'))}"),
    "override.used": lambda body: ("override", f"{plain(body.get('by'))}: {plain(body.get('why'))}"),
    "review.given": lambda body: (
        "review",
        f"{plain(body.get('incident'))} is {plain(body.get('verdict'))}, says {plain(body.get('by'))}: {plain(body.get('note'))}",
    ),
    "observed": _observed,
    "grant.minted": lambda body: ("grant", f"minted, wrapped for one use   accessor {short(body.get('accessor'))}"),
    "grant.handed_out": lambda body: ("grant", f"handed out to {plain(body.get('by'))}: not a recorded session"),
    "grant.left_to_job": lambda _body: ("grant", "left to a job of AWX, which opens it under its own login"),
    "grant.not_minted": _why("grant", "NOT OPENED: "),
    "grant.opened": _reason,
    "grant.revoked": _revoked,
    "grant.not_proven_gone": _why("closing", "NOT PROVEN GONE: "),
    "credential.obtained": _obtained,
    "credential.refused": _why("credential", "REFUSED: "),
    "credential.renewed": lambda body: ("credential", f"renewed, until {clock(body.get('expires_at'))}"),
    "credential.not_renewed": lambda body: (
        "credential",
        f"{plain(body.get('name'))} NOT RENEWED, lives until {clock(body.get('lives_until'))}: {plain(body.get('why'))}",
    ),
    "run.started": _run_started,
    "run.stopped": _why("stopped"),
    "run.died": _why("died"),
    "play.ended": lambda body: ("play", f"{plain(body.get('outcome'))}: {plain(body.get('why'))}"),
    "attempt.again": lambda body: ("again", f"{plain(body.get('attempts_left'))} attempt left"),
    "effect.interrupted": lambda body: ("cut off", f"{plain(body.get('effect'))}: the runner died, OUTCOME UNKNOWN"),
    "effect.postponed": lambda body: ("postponed", f"{plain(body.get('effect'))}: {plain(body.get('why'))}"),
    "verified": lambda body: ("verified", plain(body.get("by"))),
    "not_verified": lambda body: ("verify", f"not yet: {plain(body.get('why'))}"),
    "escalation.begun": lambda body: ("escalated", f"to {plain(body.get('ladder'))}: {plain(body.get('why'))}"),
    "escalation.delivered": lambda body: ("told", ", ".join(words(body.get("channels")))),
    "escalation.not_delivered": _why("told", "NOBODY YET: "),
    "incident.closed": lambda body: (
        "closed",
        f"{plain(body.get('result'))} in {_number(body.get('seconds')):.1f} s",
    ),
    "request.made": _request,
    "request.over": lambda _body: ("request", "given back"),
    "request.refused": lambda body: (
        "refused",
        f"{plain(body.get('person')) or 'a request'}: {plain(body.get('why'))}",
    ),
    "session.opened": _session,
    "session.continued": lambda body: (
        "session",
        f"goes on in {plain(body.get('stream')).rpartition('/')[0].rpartition('/')[2]} until {clock(body.get('until'))}",
    ),
    "session.ended": _session_over,
    "item.result": _item,
    "play.no_hosts_matched": lambda _body: ("play", "no host matched"),
    "play.no_hosts_remaining": lambda _body: ("play", "no host is left"),
    "ship.refused": lambda body: (
        "sink",
        f"{plain(body.get('sink'))} does not take {plain(body.get('record'))}: {plain(body.get('why'))}",
    ),
    "ship.unreadable": lambda body: (
        "sink",
        f"{plain(body.get('stream'))} can't be shipped to {plain(body.get('sink'))}: {plain(body.get('why'))}",
    ),
    "runner.started": lambda body: ("runner", f"started   policy {plain(body.get('policy_digest'))[:8]}"),
    "policy.loaded": lambda body: ("policy", f"{plain(body.get('policy_digest'))[:8]} is in force"),
    "policy.refused": lambda body: ("policy", f"refused, the one before goes on: {plain(body.get('why'))}"),
    "runner.stopped": lambda _body: ("runner", "stopped"),
    "heartbeat.failed": _why("heartbeat", "NOT TAKEN: "),
    "heartbeat.taken_again": lambda body: ("heartbeat", f"taken again after {plain(body.get('beats'))} that were not"),
    "sender.refused": lambda body: ("sender", f"{plain(body.get('source'))} refused: {plain(body.get('why'))}"),
    "sender.truncated": lambda body: (
        "sender",
        f"{plain(body.get('source'))} left out {plain(body.get('alerts_left_out'))} alerts",
    ),
    "stream.recovered": lambda body: (
        "recovered",
        f"{plain(body.get('size'))} bytes of a record that was never acknowledged were cut off",
    ),
}
