# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be done about an alert: the policy's answer, frozen when the incident opens.

An incident finishes under the course that it started with, whatever the policy says later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from breakglass.domain.approvals import Asker, Overridden, Quorum
from breakglass.domain.maintenance import Window
from breakglass.domain.plan import Plan
from breakglass.domain.rules import Ladder, Limits, Mode


@dataclass(frozen=True)
class Probing:
    """What Prometheus is asked before the incident counts as repaired.

    Attributes:
        query: PromQL.
        labels: Name and value that each series which counts must have.
    """

    query: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Course:
    """One trigger's answer to one alert.

    Attributes:
        trigger: The trigger's name.
        owner: The team that owns it; for a request, name and entity of who asked.
        policy_digest: Of the policy that said so (hex SHA-256).
        mode: Observe or act.
        approval: "automatic", or the name of an approval; the line of the policy that says so is `approval_line`.
        approval_line: File and line, for the journal.
        plan: What will run; None when the alert was refused.
        refusal: Why nothing may run, a sentence; empty when there is a plan.
        limits: The trigger's limits.
        idempotent: Whether the remediation says that it may be run again after an unknown outcome.
        alert_resolves_within: How long verification waits.
        ladder: Whom to tell when automation is not enough.
        holds_host: Whether the remediation says that its hosts stay held after it.
        releases_host: Whether it says that it ends such holds.
        drill: Name of the drill that rehearses the trigger; empty for what is real.
        probing: What Prometheus is asked once the alert has resolved; None where nobody can be asked.
        groups: The inventory groups that its access opens: what `group_share` is a share of.
        policy_commit: What was checked out of git where the policy lies; empty where nobody knows.
        quorum: Who must say yes; None when nobody is asked.
        asked_by: Who asked for an access themselves; None where an alert did.
        overridden: The approval that who asked did without; None where it was given.
        hands_out: Whether who asked takes the grant itself; else the runner uses it for them.
        opens: What its access opens, in words, as the policy said then.
        windows: The maintenance windows that its hosts are in.
        preview: The plan in check mode under a lesser access, run before people are asked; None where nothing is shown to them.
        no_preview: Why the policy's preview can't be made of this plan; empty where it can, or there is none.
        runbook: Where it is written what people do; empty where the policy does not say.
        policy_author: Whose commit `policy_commit` is, and of when; empty where nobody knows.
        own: Whether the runner tells of itself; then `trigger` is the name of its own alert, and nothing ever runs.
    """

    trigger: str
    owner: str
    policy_digest: str
    mode: Mode
    approval: str
    approval_line: str
    plan: Plan | None
    refusal: str
    limits: Limits
    idempotent: bool
    alert_resolves_within: timedelta
    ladder: Ladder
    holds_host: bool = False
    releases_host: bool = False
    drill: str = ""
    policy_commit: str = ""
    probing: Probing | None = None
    groups: tuple[str, ...] = ()
    quorum: Quorum | None = None
    asked_by: Asker | None = None
    overridden: Overridden | None = None
    hands_out: bool = False
    opens: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    own: bool = False
    preview: Plan | None = None
    no_preview: str = ""
    runbook: str = ""
    policy_author: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The plan's hosts; none when the alert was refused."""
        return self.plan.hosts if self.plan else ()

    @property
    def extends(self) -> str:
        """The request that it asks more time for; empty where it stands for itself."""
        return self.plan.extends if self.plan else ""

    @property
    def lends(self) -> bool:
        """Whether the grant is for somebody who asked for it, who does the work and is told what becomes of it."""
        return self.plan is not None and self.plan.lends
