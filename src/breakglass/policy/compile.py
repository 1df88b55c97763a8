# SPDX-License-Identifier: GPL-3.0-or-later
"""From the typed document to the domain's frozen values: defaults resolved, expressions compiled, digest taken."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import rfc8785

from breakglass.domain.plan import Rollout
from breakglass.domain.routing import ExpressionError
from breakglass.domain.rules import (
    Access,
    Ladder,
    Limits,
    Mode,
    Override,
    Policy,
    Probe,
    RequestRule,
    Rung,
    SshCredential,
    Storm,
    Trigger,
    VaultCredential,
)

from . import approvals, people
from .cases import case_of
from .drills import drill_meaning, drill_of
from .expressions import compile_condition, compile_template
from .maintenance import window_meaning, window_of
from .problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from breakglass.domain.rules import Behaves

    from .credentials import CredentialEntry
    from .expressions import CompiledCondition, Template
    from .model import (
        AccessEntry,
        DefaultsEntry,
        LimitsEntry,
        PolicyDocument,
        ProbeEntry,
        RungEntry,
        StormEntry,
        TriggerEntry,
    )
    from .requests import RequestEntry

DEFAULT_TIME_BOX = timedelta(minutes=10)
DEFAULT_MAX_TIME_BOX = timedelta(minutes=15)
DEFAULT_RESOLVES_WITHIN = timedelta(minutes=10)
DEFAULT_USER = "breakglass"
DEFAULT_LIMITS = Limits(
    firing_for=timedelta(minutes=1),
    attempts=2,
    cooldown=timedelta(minutes=15),
    repairs_per_day=3,
    hosts_at_once=1,
)

ItemPlace: TypeAlias = "Callable[[str, int, tuple[str, ...]], Place]"
"""Gives the line of a key of the n-th item of a section that is a list."""


class Compiler:
    """Compiles one document; what can't be compiled is in `problems` afterwards."""

    def __init__(self, document: PolicyDocument, item_place: ItemPlace) -> None:
        """Take the document, and how to find the line of a key of the n-th item of a section."""
        self.problems: list[Problem] = []
        self._document = document
        self._item_place = item_place

    def compile(self, channels: Collection[str]) -> Policy:
        """Give the policy; channels that are used as ladders become ladders of one rung."""
        access = {name: _access(name, entry) for name, entry in self._document.access.items()}
        triggers = tuple(self._trigger(number, entry) for number, entry in enumerate(self._document.triggers))
        ladders = {name: _ladder(name, rungs) for name, rungs in self._document.escalations.items()}
        quorums = {name: approvals.quorum(name, entry) for name, entry in self._document.approvals.items()}
        requests = tuple(self._request(number, entry) for number, entry in enumerate(self._document.requests))
        drills = tuple(drill_of(entry, self._line("drills", n)) for n, entry in enumerate(self._document.drills))
        windows = tuple(
            window_of(entry, self._line("maintenance", n)) for n, entry in enumerate(self._document.maintenance)
        )
        default, roles = self._document.defaults.escalation or "", people.people(self._document.people)
        for name in (default, *(trigger.escalation for trigger in triggers), *(rule.escalation for rule in requests)):
            if name in channels and name not in ladders:
                ladders[name] = Ladder(name, (Rung((name,), None),))
        meaning = [_trigger_meaning(t, e) for t, e in zip(triggers, self._document.triggers, strict=True)]
        others = {
            "approvals": {name: approvals.meaning(one) for name, one in quorums.items()},
            "requests": [_request_meaning(rule) for rule in requests],
            "drills": [drill_meaning(drill) for drill in drills],
            "maintenance": [window_meaning(window) for window in windows],
            "remediations": {name: _behaviour_meaning(one) for name, one in self._document.remediations.items()},
            "escalation": default,
            "people": people.meaning(roles),
        }
        return Policy(
            digest=_digest(access, meaning, ladders, others),
            access=MappingProxyType(access),
            triggers=triggers,
            ladders=MappingProxyType(ladders),
            requests=requests,
            drills=drills,
            maintenance=windows,
            behaviours=MappingProxyType(dict(self._document.remediations)),
            cases=tuple(case_of(entry, self._line("tests", n)) for n, entry in enumerate(self._document.tests)),
            escalation=default,
            approvals=MappingProxyType(quorums),
            people=roles,
        )

    def _line(self, section: str, number: int) -> str:
        return _line(self._item_place(section, number, ("name",)))

    def _request(self, number: int, entry: RequestEntry) -> RequestRule:
        place = self._item_place("requests", number, ("approval",))
        access = self._document.access.get(entry.access)
        return RequestRule(
            name=entry.name,
            line=_line(place),
            who=frozenset(entry.who),
            access=entry.access,
            approval=entry.approval,
            time_box=entry.time_box or (access.max_time_box if access else None) or DEFAULT_MAX_TIME_BOX,
            ticket_required=entry.ticket or (access is not None and access.ticket is not None),
            escalation=entry.escalation or self._document.defaults.escalation or "",
            override=Override(frozenset(entry.override.who), entry.override.review_within) if entry.override else None,
        )

    def _trigger(self, number: int, entry: TriggerEntry) -> Trigger:
        defaults = self._document.defaults
        place = self._item_place("triggers", number, ("approval",))
        return Trigger(
            name=entry.name,
            line=_line(place),
            owner=entry.owner or "",
            match=MappingProxyType({label: tuple(values) for label, values in entry.match.items()}),
            when=self._condition(number, entry.when),
            hosts=self._template(number, ("hosts",), entry.hosts),
            access=entry.access,
            approval=entry.approval,
            remediation=entry.remediation,
            parameters=MappingProxyType(
                {name: self._template(number, ("parameters", name), value) for name, value in entry.parameters.items()}
            ),
            time_box=entry.time_box or defaults.time_box or DEFAULT_TIME_BOX,
            limits=_limits(entry.limits, defaults.limits),
            alert_resolves_within=_resolves_within(entry, defaults),
            escalation=entry.escalation or defaults.escalation or "",
            mode=Mode(entry.mode or defaults.mode or "observe"),
            probe=_probe(entry.verification.probe or defaults.verification.probe),
            preview=entry.preview or "",
            runbook=entry.runbook or "",
        )

    def _condition(self, number: int, source: str | None) -> CompiledCondition | None:
        if source is None:
            return None
        try:
            return compile_condition(source)
        except ExpressionError as error:
            self.problems.append(Problem.at(self._item_place("triggers", number, ("when",)), f"when: {error}"))
            return None

    def _template(self, number: int, path: tuple[str, ...], content: object) -> Template:
        try:
            return compile_template(content)
        except ExpressionError as error:
            self.problems.append(Problem.at(self._item_place("triggers", number, path), f"{'.'.join(path)}: {error}"))
            return compile_template("")


def _line(place: Place) -> str:
    return f"{PurePath(place.file).name}:{place.line}"


def _resolves_within(entry: TriggerEntry, defaults: DefaultsEntry) -> timedelta:
    own, outer = entry.verification.alert_resolves_within, defaults.verification.alert_resolves_within
    return own or outer or DEFAULT_RESOLVES_WITHIN


def _probe(entry: ProbeEntry | None) -> Probe | None:
    return Probe(entry.query, tuple(entry.labels)) if entry else None


def _access(name: str, entry: AccessEntry) -> Access:
    return Access(
        name=name,
        hosts=tuple(sorted(set(entry.hosts))),
        ssh=next((SshCredential(one.user or DEFAULT_USER) for one in entry.credentials if one.kind == "ssh"), None),
        max_time_box=entry.max_time_box or DEFAULT_MAX_TIME_BOX,
        ticket_required=entry.ticket is not None,
        credentials=tuple(_credential(one) for one in entry.credentials if one.kind != "ssh"),
        hand_out=entry.hand_out,
    )


def _credential(entry: CredentialEntry) -> VaultCredential:
    if entry.kind == "secret":
        return VaultCredential("secret", entry.mount or "kv", entry.path or "", entry.engine or "kv2")
    if entry.kind == "ssh_host":
        return VaultCredential("ssh_host")
    if entry.kind == "pki_host":
        return VaultCredential("pki_host", entry.mount or "pki", entry.role or "")
    if entry.kind == "rotation" and entry.path:
        return VaultCredential("rotation", entry.mount or "kv", entry.path, "kv2")
    if entry.kind == "rotation":
        return VaultCredential("rotation", entry.mount or "database", entry.role or "", "database")
    return VaultCredential(entry.kind, entry.mount or entry.kind, entry.role or "")


def _limits(own: LimitsEntry, outer: LimitsEntry) -> Limits:
    """Take each line from the trigger, else from the defaults, else from the language."""
    return Limits(
        firing_for=_first(own.firing_for, outer.firing_for, DEFAULT_LIMITS.firing_for),
        attempts=own.attempts or outer.attempts or DEFAULT_LIMITS.attempts,
        cooldown=_first(own.cooldown, outer.cooldown, DEFAULT_LIMITS.cooldown),
        repairs_per_day=own.repairs_per_day or outer.repairs_per_day or DEFAULT_LIMITS.repairs_per_day,
        hosts_at_once=own.hosts_at_once or outer.hosts_at_once or DEFAULT_LIMITS.hosts_at_once,
        group_share=own.group_share or outer.group_share,
        storm=_storm(own.storm or outer.storm),
    )


def _storm(entry: StormEntry | None) -> Storm | None:
    return Storm(entry.incidents, entry.within) if entry else None


def _first(own: timedelta | None, outer: timedelta | None, built_in: timedelta) -> timedelta:
    return own if own is not None else outer if outer is not None else built_in


def _ladder(name: str, rungs: list[RungEntry]) -> Ladder:
    return Ladder(name, tuple(Rung(tuple(rung.notify), rung.acknowledge_within) for rung in rungs))


def _digest(
    access: Mapping[str, Access],
    triggers: list[dict[str, object]],
    ladders: Mapping[str, Ladder],
    others: Mapping[str, object],
) -> str:
    """SHA-256 (hex) of the RFC 8785 form of what the policy means; spelling and comments are not in it.

    Sections that are empty are left out of `others`, so that a digest outlives a new section of the language.
    """
    meaning: dict[str, object] = {
        "version": 1,
        "access": {name: _access_meaning(entry) for name, entry in access.items()},
        "triggers": triggers,
        "ladders": {
            name: [{"notify": list(rung.notify), "wait": _seconds(rung.acknowledge_within)} for rung in ladder.rungs]
            for name, ladder in ladders.items()
        },
        **{section: content for section, content in others.items() if content},
    }
    canonical: bytes = rfc8785.dumps(meaning)
    return hashlib.sha256(canonical).hexdigest()


def _behaviour_meaning(behaviour: Behaves) -> dict[str, object]:
    return {
        "idempotent": behaviour.idempotent,
        "disruptive": behaviour.disruptive,
        "expected_duration": _seconds(behaviour.expected_duration),
        "check_mode": behaviour.check_mode,
        "holds_host": behaviour.holds_host,
        "releases_host": behaviour.releases_host,
        **({"rollout": behaviour.rollout} if behaviour.rollout != Rollout.CANARY else {}),
        "parameters": dict(behaviour.parameters),
    }


def _request_meaning(rule: RequestRule) -> dict[str, object]:
    return {
        "name": rule.name,
        "who": sorted(rule.who),
        "access": rule.access,
        "approval": rule.approval,
        "time_box": _seconds(rule.time_box),
        "ticket_required": rule.ticket_required,
        "escalation": rule.escalation,
        **({"override": [_seconds(rule.override.review_within), *sorted(rule.override.who)]} if rule.override else {}),
    }


def _access_meaning(access: Access) -> dict[str, object]:
    return {
        "hosts": list(access.hosts),
        "ssh": access.ssh.user if access.ssh else None,
        "max_time_box": _seconds(access.max_time_box),
        "ticket_required": access.ticket_required,
        "credentials": [[one.kind, one.mount, one.name, one.engine] for one in access.credentials],
        **({"hand_out": True} if access.hand_out else {}),
    }


def _trigger_meaning(trigger: Trigger, entry: TriggerEntry) -> dict[str, object]:
    limits = trigger.limits
    return {
        "name": trigger.name,
        "owner": trigger.owner,
        "match": {label: sorted(set(values)) for label, values in trigger.match.items()},
        "when": entry.when,
        "hosts": entry.hosts,
        "access": trigger.access,
        "approval": trigger.approval,
        "remediation": trigger.remediation,
        "parameters": entry.parameters,
        "time_box": _seconds(trigger.time_box),
        "limits": {
            "firing_for": _seconds(limits.firing_for),
            "attempts": limits.attempts,
            "cooldown": _seconds(limits.cooldown),
            "repairs_per_day": limits.repairs_per_day,
            "hosts_at_once": limits.hosts_at_once,
            **({"group_share": limits.group_share} if limits.group_share else {}),
            **({"storm": [limits.storm.incidents, _seconds(limits.storm.within)]} if limits.storm else {}),
        },
        "alert_resolves_within": _seconds(trigger.alert_resolves_within),
        "escalation": trigger.escalation,
        "mode": trigger.mode.value,
        **({"probe": [trigger.probe.query, *trigger.probe.labels]} if trigger.probe else {}),
        **({"preview": trigger.preview} if trigger.preview else {}),
        **({"runbook": trigger.runbook} if trigger.runbook else {}),
    }


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
