# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as YAML with every default filled in, and who may open an access by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from breakglass.policy import people
from breakglass.policy.expressions import LiteralValue, StructuredValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from breakglass.domain.approvals import Quorum
    from breakglass.domain.maintenance import Window
    from breakglass.domain.rules import (
        Access,
        Behaves,
        Drill,
        Ladder,
        Limits,
        Policy,
        RequestRule,
        Template,
        Trigger,
        VaultCredential,
    )
    from breakglass.domain.schedule import Schedule

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def with_defaults(policy: Policy) -> str:
    """The policy as a policy file that means the same and leaves nothing unsaid; its tests are left out."""
    content = {
        "version": 1,
        "defaults": {"escalation": policy.escalation} if policy.escalation else {},
        "access": {name: _access(access) for name, access in policy.access.items()},
        "approvals": {name: _quorum(one) for name, one in policy.approvals.items()},
        "triggers": [_trigger(trigger) for trigger in policy.triggers],
        "remediations": {name: _behaviour(one) for name, one in policy.behaviours.items()},
        "requests": [_request(rule) for rule in policy.requests],
        "people": people.meaning(policy.people),
        "maintenance": [_window(window) for window in policy.maintenance],
        "drills": [_drill(drill) for drill in policy.drills],
        "escalations": {name: _ladder(ladder) for name, ladder in policy.ladders.items() if not _is_channel(ladder)},
    }
    text: str = yaml.safe_dump(
        {name: value for name, value in content.items() if value}, sort_keys=False, allow_unicode=True, width=110
    )
    return text


def who_can(policy: Policy, access: Access, hosts: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield what an access opens, on which hosts of the inventory, and every way to it."""
    within = sorted(host for host, groups in hosts.items() if not groups.isdisjoint(access.hosts))
    yield f"{access.name} opens {', '.join(access.words) or 'nothing'}"
    yield f"  on     {', '.join(access.hosts)}: {', '.join(within) or 'no host of the inventory'}"
    yield f"  for    {span(access.max_time_box)} at most{', with a ticket' if access.ticket_required else ''}"
    ways = [*_triggers(policy, access.name), *_requests(policy, access.name)]
    yield from ways or ("  Nobody: no trigger and no request names it.",)
    yield "  Besides, whoever has the Vault policy breakglass-operator may open it with ansible-playbook."


def span(duration: timedelta) -> str:
    """A duration as the policy writes it."""
    seconds = int(duration.total_seconds())
    for unit, length in UNITS:
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _triggers(policy: Policy, access: str) -> Iterator[str]:
    for trigger in policy.triggers:
        if trigger.access == access:
            match = ", ".join(f"{name}={' or '.join(values)}" for name, values in trigger.match.items())
            condition = f" and {trigger.when.source}" if trigger.when else ""
            yield (
                f"  alert  {match or 'any'}{condition}: {trigger.remediation}, {span(trigger.time_box)}, "
                f"approval {trigger.approval}, {trigger.mode.value}   {trigger.name} ({trigger.line})"
            )


def _requests(policy: Policy, access: str) -> Iterator[str]:
    for rule in policy.requests:
        if rule.access == access:
            ticket = ", with a ticket" if rule.ticket_required else ""
            yield (
                f"  person of {', '.join(sorted(rule.who))}: {span(rule.time_box)} at most, "
                f"approval {rule.approval}{ticket}   {rule.name} ({rule.line})"
            )
            if rule.override:
                who = ", ".join(sorted(rule.override.who))
                yield f"  person of {who}: without approval, reviewed within {span(rule.override.review_within)}   {rule.name}"


def _access(access: Access) -> dict[str, object]:
    ssh = [{"kind": "ssh", "user": access.ssh.user}] if access.ssh else []
    return {
        "hosts": list(access.hosts),
        "credentials": [*ssh, *map(_credential, access.credentials)],
        "max_time_box": span(access.max_time_box),
        **({"ticket": "required"} if access.ticket_required else {}),
        **({"hand_out": True} if access.hand_out else {}),
    }


def _credential(one: VaultCredential) -> dict[str, str]:
    is_path = one.kind == "secret" or (one.kind == "rotation" and one.engine != "database")
    content = {"kind": one.kind, "path" if is_path else "role": one.name}
    if one.mount != ("kv" if is_path else one.kind):
        content["mount"] = one.mount
    if one.kind == "secret" and one.engine != "kv2":
        content["engine"] = one.engine
    return {name: value for name, value in content.items() if value}


def _trigger(trigger: Trigger) -> dict[str, object]:
    limits = trigger.limits
    content: dict[str, object] = {
        "name": trigger.name,
        "owner": trigger.owner,
        "match": {label: list(values) for label, values in trigger.match.items()},
        "when": trigger.when.source if trigger.when else "",
        "hosts": _source(trigger.hosts),
        "access": trigger.access,
        "approval": trigger.approval,
        "preview": trigger.preview,
        "remediation": trigger.remediation,
        "parameters": {name: _source(value) for name, value in trigger.parameters.items()},
        "time_box": span(trigger.time_box),
        "limits": {
            "firing_for": span(limits.firing_for),
            "attempts": limits.attempts,
            "cooldown": span(limits.cooldown),
            "repairs_per_day": limits.repairs_per_day,
            "hosts_at_once": limits.hosts_at_once,
            **({"group_share": f"{limits.group_share}%"} if limits.group_share else {}),
            **_storm(limits),
        },
        "verification": {"alert_resolves_within": span(trigger.alert_resolves_within), **_probe(trigger)},
        "escalation": trigger.escalation,
        "mode": trigger.mode.value,
        "runbook": trigger.runbook,
    }
    return {name: value for name, value in content.items() if value not in ("", {})}


def _storm(limits: Limits) -> dict[str, object]:
    storm = limits.storm
    return {"storm": {"incidents": storm.incidents, "within": span(storm.within)}} if storm else {}


def _probe(trigger: Trigger) -> dict[str, object]:
    probe = trigger.probe
    return {"probe": {"query": probe.query, "labels": list(probe.labels)}} if probe else {}


def _request(rule: RequestRule) -> dict[str, object]:
    content: dict[str, object] = {
        "name": rule.name,
        "who": sorted(rule.who),
        "access": rule.access,
        "approval": rule.approval,
        "time_box": span(rule.time_box),
        "ticket": "required" if rule.ticket_required else "",
        "escalation": rule.escalation,
        "override": {"who": sorted(rule.override.who), "review_within": span(rule.override.review_within)}
        if rule.override
        else "",
    }
    return {name: value for name, value in content.items() if value}


def _behaviour(behaviour: Behaves) -> dict[str, object]:
    content: dict[str, object] = {
        "idempotent": behaviour.idempotent,
        "disruptive": behaviour.disruptive,
        "expected_duration": span(behaviour.expected_duration) if behaviour.expected_duration else "",
        "check_mode": behaviour.check_mode,
        "holds_host": behaviour.holds_host,
        "releases_host": behaviour.releases_host,
        "rollout": behaviour.rollout,
        "parameters": dict(behaviour.parameters),
    }
    return {name: value for name, value in content.items() if value not in ("", {})}


def _window(window: Window) -> dict[str, object]:
    return {
        "name": window.name,
        "hosts": list(window.hosts),
        **_schedule(window.schedule),
        "lasts": span(window.lasts),
        "mode": "observe",
    }


def _schedule(schedule: Schedule) -> dict[str, object]:
    return {"every": schedule.every, "at": f"{schedule.at:%H:%M}", "timezone": schedule.timezone}


def _drill(drill: Drill) -> dict[str, object]:
    content: dict[str, object] = {
        "name": drill.name,
        "trigger": drill.trigger,
        "hosts": list(drill.hosts),
        "check": drill.check,
        "labels": dict(drill.labels),
        "host_label": drill.host_label,
    }
    if drill.schedule:
        content |= _schedule(drill.schedule)
    return {name: value for name, value in content.items() if value != {}}


def _quorum(one: Quorum) -> dict[str, object]:
    return {
        "require": [{"count": line.count, "from": list(line.groups)} for line in one.require],
        "mfa": "totp",
        "notify": list(one.notify),
        "within": span(one.within),
    }


def _ladder(ladder: Ladder) -> list[dict[str, object]]:
    return [
        {
            "notify": list(rung.notify),
            **({"acknowledge_within": span(rung.acknowledge_within)} if rung.acknowledge_within else {}),
        }
        for rung in ladder.rungs
    ]


def _is_channel(ladder: Ladder) -> bool:
    """Whether it is a channel of the settings, used as a ladder of one rung."""
    return [rung.notify for rung in ladder.rungs] == [(ladder.name,)]


def _source(template: Template) -> object:
    """A value as it may be written: expressions as text, lists and mappings as such."""
    if isinstance(template, LiteralValue):
        return template.content
    return json.loads(template.source) if isinstance(template, StructuredValue) else template.source
