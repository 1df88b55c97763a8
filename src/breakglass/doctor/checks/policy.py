# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy: whether it loads, and fits inventory, channels and the remediations that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.counting import count
from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import INVENTORY, POLICY, SETTINGS, NotKnown
from breakglass.domain.rules import Mode
from breakglass.installed import installed_remediations
from breakglass.policy.load import load_policy
from breakglass.policy.problems import FileProblems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from breakglass.doctor.known import Known

ABOUT = "policy"


def look(known: Known) -> Iterator[Finding]:
    """One line for each thing to correct."""
    settings, groups = known[SETTINGS], _groups(known)
    roles = installed_remediations(settings.collections)
    try:
        found = load_policy(
            settings.policy,
            channels=settings.channels,
            remediations=roles,
            groups=groups,
            has_prometheus=settings.prometheus is not None,
            of_jobs=settings.awx.accesses if settings.awx else (),
        )
    except FileProblems as error:
        yield from (wrong(ABOUT, str(problem)) for problem in error.problems)
        return
    known.learn(POLICY, found)
    acting = sum(trigger.mode is Mode.ACT for trigger in found.triggers)
    modes = f"{acting} may act, {len(found.triggers) - acting} only observe"
    accesses = count(len(found.access), "access", "accesses")
    yield ok(ABOUT, f"{count(len(found.triggers), 'trigger')} ({modes}), {accesses}, digest {found.digest[:8]}")
    if groups is None:
        yield unknown(ABOUT, "whether its groups are in the inventory: that can't be read, see above")


def _groups(known: Known) -> Collection[str] | None:
    try:
        return known[INVENTORY].groups
    except NotKnown:
        return None
