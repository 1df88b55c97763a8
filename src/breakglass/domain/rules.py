# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy as decisions need it: frozen values, made by `breakglass.policy`, used by everything below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from breakglass.domain.approvals import Quorum
from breakglass.domain.maintenance import Window
from breakglass.domain.people import People
from breakglass.domain.schedule import Schedule

if TYPE_CHECKING:
    from breakglass.domain.alert import Alert


class Mode(StrEnum):
    """What a trigger may do."""

    OBSERVE = "observe"
    ACT = "act"


class Condition(Protocol):
    """A compiled `when` of a trigger."""

    source: str

    def holds(self, alert: Alert) -> bool:
        """Tell whether the expression is true of this alert; raises ExpressionError."""
        ...


class Template(Protocol):
    """A compiled value of a trigger: a literal, or `"{{ alert.… }}"`."""

    source: str

    def value(self, alert: Alert) -> object:
        """Compute the value, JSON-shaped and plain; raises ExpressionError."""
        ...


@dataclass(frozen=True)
class SshCredential:
    """One SSH certificate for the access's hosts; `user` is the login on the host."""

    user: str


@dataclass(frozen=True)
class VaultCredential:
    """A credential besides SSH.

    Attributes:
        kind: ssh_host, database, pki, pki_host, secret or rotation.
        mount: Where its engine is mounted; empty for ssh_host.
        name: Role of the engine, or path of the secret; empty for ssh_host.
        engine: kv2, kv1 or dynamic for a secret; kv2 or database for a rotation; empty for others.
    """

    kind: str
    mount: str = ""
    name: str = ""
    engine: str = ""


@dataclass(frozen=True)
class Access:
    """What a grant may open, never more.

    `hosts` are inventory groups: the outer bound. With `hand_out`, who asked for it may take it to their own machine.
    """

    name: str
    hosts: tuple[str, ...]
    ssh: SshCredential | None
    max_time_box: timedelta
    ticket_required: bool
    credentials: tuple[VaultCredential, ...] = ()
    hand_out: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Each of its credentials, for people."""
        others = (f"{one.kind} {one.mount}/{one.name}".rstrip("/ ") for one in self.credentials)
        return (*((f"SSH as {self.ssh.user}",) if self.ssh else ()), *others)


@dataclass(frozen=True)
class Storm:
    """More incidents of one trigger than this within this time mean that something bigger is wrong."""

    incidents: int
    within: timedelta


@dataclass(frozen=True)
class Limits:
    """How often and how widely a trigger may repair.

    Attributes:
        firing_for: Younger alerts wait.
        attempts: Per incident, then people.
        cooldown: Per trigger and host, after the incident closes.
        repairs_per_day: Per trigger and host.
        hosts_at_once: Hosts under repair by this trigger at the same time.
        group_share: Percent of each inventory group of the access that may be under repair at once, over all triggers; at least
            one host may. None for any.
        storm: When the trigger is held and people are told once; None for never.
    """

    firing_for: timedelta
    attempts: int
    cooldown: timedelta
    repairs_per_day: int
    hosts_at_once: int
    group_share: int | None = None
    storm: Storm | None = None


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: whom to tell, and how long to wait before the next step (None: the last)."""

    notify: tuple[str, ...]
    acknowledge_within: timedelta | None


@dataclass(frozen=True)
class Ladder:
    """An escalation: rungs in order. A channel's name used as a ladder is a ladder of one rung."""

    name: str
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class Probe:
    """A question to Prometheus that says whether a fault is gone.

    Attributes:
        query: PromQL, as the policy writes it; nothing of an alert ever gets into it.
        labels: Which labels of the alert a series of the answer must have with the same value.
    """

    query: str
    labels: tuple[str, ...]


PRESENCE = Probe("up", ("instance", "job"))
"""What is asked without a probe of the trigger's own: whether the alert's target is there at all, and answers."""


@dataclass(frozen=True)
class Trigger:
    """A rule of the policy.

    Attributes:
        name: Unique in the policy.
        line: Where its `approval` stands (file and line), for the journal: `breakglass.yml:9`.
        owner: The team that owns it; empty if unsaid.
        match: Label name to the values it may have; a missing label is the empty string.
        when: The rest of the rule, or None.
        hosts: Gives a host text, or a list of them.
        access: Name of the access.
        approval: "automatic", or the name of an approval.
        remediation: Role name as the policy spells it.
        parameters: Role variable to template.
        time_box: Life of the grant from the moment it opens.
        limits: See Limits.
        alert_resolves_within: How long verification waits for the alert to resolve.
        escalation: The ladder's name.
        mode: Observe or act.
        probe: What Prometheus is asked once the alert has resolved; None for whether its target is there.
        preview: Name of the lesser access under which those who approve are shown what would change; empty for none.
        runbook: Where it is written what people do; empty if unsaid.
    """

    name: str
    line: str
    owner: str
    match: Mapping[str, tuple[str, ...]]
    when: Condition | None
    hosts: Template
    access: str
    approval: str
    remediation: str
    parameters: Mapping[str, Template]
    time_box: timedelta
    limits: Limits
    alert_resolves_within: timedelta
    escalation: str
    mode: Mode
    probe: Probe | None = None
    preview: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Override:
    """Who may do without the approval of a request, and how long others then have to judge that."""

    who: frozenset[str]
    review_within: timedelta


@dataclass(frozen=True)
class RequestRule:
    """Who may ask for an access themselves.

    Attributes:
        name: Unique among the requests of the policy.
        line: Where its `approval` stands: `breakglass.yml:9`.
        who: Groups of Vault's identity; members of one of them may ask.
        access: Name of the access.
        approval: "automatic", or the name of an approval.
        time_box: Longest life of the grant.
        ticket_required: Whether a ticket must be named.
        escalation: The ladder's name, for a grant that can't be proven gone, and a review that is overdue.
        override: Who may do without the approval; None for nobody.
    """

    name: str
    line: str
    who: frozenset[str]
    access: str
    approval: str
    time_box: timedelta
    ticket_required: bool
    escalation: str
    override: Override | None = None


@dataclass(frozen=True)
class Case:
    """A test of the policy: an alert, and what must come of it.

    Attributes:
        name: What must be true, in words.
        line: Where it stands: `breakglass.yml:90`.
        labels: The alert's.
        annotations: The alert's.
        now: The moment of the test, which maintenance windows are judged by; without it none is open.
        expected: What is compared, by the words of the policy language; nothing else is.
    """

    name: str
    line: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    expected: Mapping[str, object]
    now: datetime | None = None


@dataclass(frozen=True)
class Drill:
    """A rehearsal of one trigger.

    Attributes:
        name: Unique among the drills of the policy.
        line: Where its name stands: `breakglass.yml:70`.
        trigger: Name of the trigger.
        hosts: Inventory groups; each drill is on one of their hosts, the next time on the next one.
        check: Whether the play runs in check mode, and changes nothing.
        schedule: When the runner starts it by itself; None when only people do.
        labels: Of the synthetic alert, besides those that the trigger's `match` asks for.
        host_label: Which label names the host.
    """

    name: str
    line: str
    trigger: str
    hosts: tuple[str, ...]
    check: bool
    schedule: Schedule | None
    labels: Mapping[str, str]
    host_label: str = "instance"


class Behaves(Protocol):
    """How a remediation behaves, as far as anybody decides by it."""

    @property
    def idempotent(self) -> bool:
        """Whether it may be run again after an outcome that nobody saw."""
        ...

    @property
    def disruptive(self) -> bool:
        """Whether users may notice it."""
        ...

    @property
    def expected_duration(self) -> timedelta | None:
        """How long it takes as a rule."""
        ...

    @property
    def check_mode(self) -> str:
        """What check mode can tell: full, partial or none."""
        ...

    @property
    def holds_host(self) -> bool:
        """Whether its hosts stay held after it."""
        ...

    @property
    def releases_host(self) -> bool:
        """Whether it ends such holds."""
        ...

    @property
    def rollout(self) -> str:
        """In which order the hosts of a plan have their turn: canary, one-by-one or together."""
        ...

    @property
    def parameters(self) -> Mapping[str, str]:
        """The kind of thing that each parameter names."""
        ...


@dataclass(frozen=True)
class Policy:
    """The whole policy, in the order in which it is written; `digest` is of its meaning (hex SHA-256), without the tests.

    `behaviours` are of remediations of others, by full name, where the policy states them. `commit` is what is checked out
    of git where the policy lies, and `author` whose commit that is and of when; empty where that can't be read. `escalation` is the ladder of the defaults, by which people
    hear of the runner itself too; empty when there is none.
    """

    digest: str
    access: Mapping[str, Access]
    triggers: tuple[Trigger, ...]
    ladders: Mapping[str, Ladder]
    requests: tuple[RequestRule, ...] = ()
    cases: tuple[Case, ...] = ()
    drills: tuple[Drill, ...] = ()
    maintenance: tuple[Window, ...] = ()
    behaviours: Mapping[str, Behaves] = field(default_factory=lambda: MappingProxyType({}))
    commit: str = ""
    author: str = ""
    escalation: str = ""
    approvals: Mapping[str, Quorum] = field(default_factory=lambda: MappingProxyType({}))
    people: People = field(default_factory=People)

    @property
    def groups(self) -> frozenset[str]:
        """Every group of Vault's identity that it names: whose members may ask, approve, operate or audit."""
        return self.acting_groups | self.people.auditors

    @property
    def acting_groups(self) -> frozenset[str]:
        """Those whose members do something: auditors only read."""
        overriding = (rule.override.who for rule in self.requests if rule.override)
        asking = frozenset(group for rule in self.requests for group in rule.who).union(*overriding)
        return asking.union(self.people.operators, *(quorum.groups for quorum in self.approvals.values()))
