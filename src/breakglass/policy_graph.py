# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy, and the life of an incident, as pictures in Mermaid: https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.incident import TRANSITIONS, State
from breakglass.domain.maintenance import windows_of
from breakglass.policy_text import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from breakglass.domain.maintenance import Window
    from breakglass.domain.rules import Policy, RequestRule, Trigger


def policy_graph(policy: Policy, inventory: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield the lines of a flowchart: what leads to which limits, approval, access, remediation, proof and people.

    `inventory` gives each host's groups: by it the maintenance windows are known that a trigger may meet.
    """
    yield "flowchart LR"
    for number, trigger in enumerate(policy.triggers):
        within = policy.access[trigger.access].hosts
        hosts = [host for host, groups in inventory.items() if not groups.isdisjoint(within)]
        yield from _path(f"t{number}", _of_trigger(trigger, windows_of(policy.maintenance, hosts, inventory)))
    for number, rule in enumerate(policy.requests):
        yield from _path(f"r{number}", _of_request(rule))


def states_graph() -> Iterator[str]:
    """Yield the lines of a state diagram, drawn from the transition table that incidents follow."""
    yield "stateDiagram-v2"
    yield f"  [*] --> {State.RECEIVED}"
    for state in State:
        for following in State:
            if following in TRANSITIONS[state]:
                yield f"  {state} --> {following}"
    yield f"  {State.CLOSED} --> [*]"


def _of_trigger(trigger: Trigger, windows: Iterable[Window]) -> Iterator[str]:
    match = " · ".join(f"{name} = {' or '.join(values)}" for name, values in trigger.match.items())
    yield f"alert {match or 'any'}{f' · {trigger.when.source}' if trigger.when else ''}"
    yield f"{trigger.name} ({trigger.mode.value})"
    limits = trigger.limits
    yield (
        f"firing {span(limits.firing_for)} · cooldown {span(limits.cooldown)} · "
        f"{limits.repairs_per_day} a day · {limits.hosts_at_once} at once · {limits.attempts} attempts"
        f"{f' · {limits.group_share}% of a group' if limits.group_share else ''}"
        f"{f' · at most {limits.storm.incidents} in {span(limits.storm.within)}' if limits.storm else ''}"
    )
    closed = [f"{window.name}: {window.schedule}, {span(window.lasts)}" for window in windows]
    if closed:
        yield f"only observed in {' · '.join(closed)}"
    yield f"approval {trigger.approval}"
    yield f"access {trigger.access}, {span(trigger.time_box)}"
    yield trigger.remediation
    asked = f" · {trigger.probe.query}" if trigger.probe else ""
    yield f"resolved within {span(trigger.alert_resolves_within)}{asked}"
    yield f"else {trigger.escalation}"


def _of_request(rule: RequestRule) -> Iterator[str]:
    yield f"person of {' or '.join(sorted(rule.who))}"
    yield rule.name
    yield f"approval {rule.approval}{', with a ticket' if rule.ticket_required else ''}"
    yield f"access {rule.access}, {span(rule.time_box)} at most"


def _path(prefix: str, texts: Iterator[str]) -> Iterator[str]:
    names = []
    for number, text in enumerate(texts):
        names.append(f"{prefix}_{number}")
        yield f'  {names[-1]}["{_quoted(text)}"]'
    yield f"  {' --> '.join(names)}"


def _quoted(text: str) -> str:
    """As a Mermaid label: no quote, no markup, no end of line."""
    kept = printable(text)
    for character, entity in (
        ("#", "#35;"),
        ('"', "#quot;"),
        ("<", "#lt;"),
        (">", "#gt;"),
        ("`", "#96;"),
        ("\\", "#92;"),
    ):
        kept = kept.replace(character, entity)
    return kept
