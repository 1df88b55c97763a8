# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy's own tests: what would be made of an alert, in the words of the policy language, and where that differs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.alert import Alert, AlertStatus
from breakglass.domain.maintenance import opened, windows_of
from breakglass.domain.routing import Planned, Refused, Unmatched, route
from breakglass.domain.rules import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.maintenance import Opened
    from breakglass.domain.routing import Roles
    from breakglass.domain.rules import Case, Policy

SOURCE = "policy test"


def rehearse(
    case: Case, policy: Policy, inventory: Mapping[str, frozenset[str]], remediations: Roles
) -> tuple[str, ...]:
    """Say in a sentence each what came of the case's alert and was not expected; nothing when all is as it must be."""
    answer = route(_alert(case), policy, inventory, remediations)
    found = outcome(answer, window_at(answer, policy, inventory, case.now))
    wanted = {name: _canonical(name, value, remediations) for name, value in case.expected.items()}
    wrong = tuple(
        _difference(name, value, found.get(name))
        for name, value in wanted.items()
        if not _fits(name, value, found.get(name))
    )
    if wrong and isinstance(answer, Refused):
        return (*wrong, f"it was refused ({answer.reason.value}): {answer.sentence}")
    return wrong


def window_at(
    answer: Unmatched | Refused | Planned,
    policy: Policy,
    inventory: Mapping[str, frozenset[str]],
    now: datetime | None,
) -> Opened | None:
    """The maintenance window that what would be done meets at this moment; without a moment, none."""
    if now is None or not isinstance(answer, Planned):
        return None
    return opened(windows_of(policy.maintenance, answer.plan.hosts, inventory), now)


def outcome(answer: Unmatched | Refused | Planned, window: Opened | None = None) -> dict[str, object]:
    """What came of an alert, by the words that `expect:` has; in a maintenance window, if one is open."""
    match answer:
        case Unmatched():
            return {"unmatched": True}
        case Refused(trigger=trigger, reason=reason):
            return {"unmatched": False, "trigger": trigger.name, "refused": reason.value, "mode": trigger.mode.value}
        case Planned(trigger=trigger, plan=plan):
            return {
                "unmatched": False,
                "trigger": trigger.name,
                "hosts": list(plan.hosts),
                "approval": trigger.approval,
                "access": plan.access,
                "remediation": plan.remediation,
                "parameters": dict(plan.parameters),
                "mode": (Mode.OBSERVE if window else trigger.mode).value,
            }


def _alert(case: Case) -> Alert:
    return Alert(
        SOURCE, case.name, "", AlertStatus.FIRING, case.labels, case.annotations, case.now or datetime.now(UTC)
    )


def _canonical(name: str, value: object, remediations: Roles) -> object:
    """A remediation by its full name, hosts in order."""
    if name == "remediation":
        return remediations.find(str(value)).name
    return sorted(value) if name == "hosts" and isinstance(value, list) else value


def _fits(name: str, wanted: object, found: object) -> bool:
    if name == "parameters" and isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _text(found[key]) == _text(value) for key, value in wanted.items())
    return wanted == found


def _text(value: object) -> object:
    """The policy's scalars are texts; the role's parameters have types."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return [_text(item) for item in value]
    return str(value)


def _difference(name: str, wanted: object, found: object) -> str:
    if name == "unmatched":
        return "no trigger takes it" if found else "a trigger takes it"
    return f"{name} is {_words(found)}, not {_words(wanted)}"


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items()) or "empty"
    return "nothing" if value is None else str(value)
