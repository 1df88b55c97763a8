# SPDX-License-Identifier: GPL-3.0-or-later
"""Which trigger an alert meets, and the plan that follows from it, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from breakglass.domain.hosts import NoHosts, UnknownHost, resolve_hosts
from breakglass.domain.plan import Plan, Rollout
from breakglass.domain.rules import Trigger
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.alert import Alert
    from breakglass.domain.rules import Access, Policy


class ExpressionError(BreakglassError):
    """Raised when an expression of the policy can't be compiled, or can't be computed for an alert."""


class BadParameter(BreakglassError):
    """Raised when a parameter does not fit the argument spec of its role."""


class OutsideAccess(BreakglassError):
    """Raised when a host is in none of the inventory groups of the access."""


class Role(Protocol):
    """What routing needs to know of a remediation."""

    @property
    def name(self) -> str:
        """The role's full name."""
        ...

    @property
    def content_digest(self) -> str:
        """SHA-256 (hex) of the role's files."""
        ...

    @property
    def rollout(self) -> Rollout:
        """In which order it may be run on several hosts."""
        ...

    def check_parameters(self, values: Mapping[str, object]) -> dict[str, object]:
        """Give the values typed by the role's argument spec; raises BadParameter."""
        ...


class Roles(Protocol):
    """The remediations that the policy may name; all of them were found when the policy was loaded."""

    def find(self, name: str) -> Role:
        """Give the remediation of this name."""
        ...


class Reason(StrEnum):
    """Why an alert that a trigger matches is refused."""

    UNKNOWN_HOST = "unknown-host"
    OUTSIDE_ACCESS = "outside-access"
    BAD_PARAMETER = "bad-parameter"
    NO_HOSTS = "no-hosts"
    EXPRESSION = "expression"


@dataclass(frozen=True)
class Unmatched:
    """No trigger matches; of one trigger alone, `why` says what of the alert differs."""

    why: str = ""


@dataclass(frozen=True)
class Refused:
    """A trigger matches (or its condition can't be computed), and no plan can be made: people are told."""

    trigger: Trigger
    reason: Reason
    sentence: str


@dataclass(frozen=True)
class Planned:
    """A trigger matches, and this is what it would run."""

    trigger: Trigger
    plan: Plan


_REASONS: tuple[tuple[type[BreakglassError], Reason], ...] = (
    (UnknownHost, Reason.UNKNOWN_HOST),
    (OutsideAccess, Reason.OUTSIDE_ACCESS),
    (BadParameter, Reason.BAD_PARAMETER),
    (NoHosts, Reason.NO_HOSTS),
    (ExpressionError, Reason.EXPRESSION),
)


def route(
    alert: Alert, policy: Policy, inventory: Mapping[str, frozenset[str]], remediations: Roles
) -> Unmatched | Refused | Planned:
    """Find the first trigger that matches and make its plan; `inventory` gives each host's groups."""
    for trigger in policy.triggers:
        answer = consider(trigger, alert, policy, inventory, remediations)
        if not isinstance(answer, Unmatched):
            return answer
    return Unmatched()


def consider(
    trigger: Trigger, alert: Alert, policy: Policy, inventory: Mapping[str, frozenset[str]], remediations: Roles
) -> Unmatched | Refused | Planned:
    """What one trigger makes of an alert, as if it were the first."""
    if other := mismatch(trigger, alert):
        return Unmatched(other)
    try:
        if trigger.when is not None and not trigger.when.holds(alert):
            return Unmatched(f"when is false: {trigger.when.source}")
        return Planned(trigger, _plan(alert, trigger, policy.access[trigger.access], inventory, remediations))
    except tuple(error for error, _ in _REASONS) as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
        return Refused(trigger, reason, str(error))


def mismatch(trigger: Trigger, alert: Alert) -> str:
    """Say which label of `match` has none of its values, or nothing; a missing label is the empty text."""
    for name, values in trigger.match.items():
        found = alert.labels.get(name, "")
        if found not in values:
            wanted = " or ".join(value or "missing" for value in values)
            return f"{name} is {found or 'missing'}, not {wanted}"
    return ""


def _plan(
    alert: Alert, trigger: Trigger, access: Access, inventory: Mapping[str, frozenset[str]], remediations: Roles
) -> Plan:
    hosts = resolve_hosts(_host_texts(trigger.hosts.value(alert)), inventory)
    check_bound(hosts, access, inventory)
    role = remediations.find(trigger.remediation)
    values = {name: template.value(alert) for name, template in trigger.parameters.items()}
    return Plan(
        remediation=role.name,
        content_digest=role.content_digest,
        hosts=hosts,
        parameters=role.check_parameters(values),
        access=access.name,
        user=access.ssh.user if access.ssh else "",
        time_box_seconds=int(trigger.time_box.total_seconds()),
        rollout=role.rollout if len(hosts) > 1 else Rollout.TOGETHER,
    )


def _host_texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str)]
    if len(texts) != len(values):
        raise ExpressionError("`hosts` gives something that is not a text or a list of texts.")
    return texts


def check_bound(hosts: tuple[str, ...], access: Access, inventory: Mapping[str, frozenset[str]]) -> None:
    """Refuse hosts that the access does not open; raises OutsideAccess."""
    for host in hosts:
        if inventory[host].isdisjoint(access.hosts):
            groups = ", ".join(access.hosts)
            raise OutsideAccess(f"{host} is in none of the groups of access {access.name} ({groups}).")
