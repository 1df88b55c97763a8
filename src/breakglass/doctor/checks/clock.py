# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: how far this machine's is from Vault's, which begins and ends every grant and certificate."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import read_health

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import VAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT: Final = "clock"
LARGEST: Final = timedelta(seconds=5)
WHY: Final = (
    "A certificate would not be valid yet, or a time box would not be over when it says. Let both machines ask the "
    "same time servers (chrony, systemd-timesyncd)"
)


def look(known: Known) -> Iterator[Finding]:
    """Ask Vault for its clock, between two looks at ours."""
    with Client(replace(known[VAULT].connection, namespace=None), None) as asking:
        before = time.time()
        theirs = read_health(asking).server_time.timestamp()
        after = time.time()
    least = surely_off(before, theirs, after)
    if least > LARGEST.total_seconds():
        order = "behind" if theirs > after else "ahead of"
        yield wrong(
            ABOUT, f"this machine's is at least {least:.0f} s {order} Vault's; {LARGEST.seconds} s are the most. {WHY}"
        )
    else:
        most = max(abs(theirs + 1 - before), abs(after - theirs))
        yield ok(ABOUT, f"within {most:.1f} s of Vault's, which tells whole seconds")


def surely_off(before: float, theirs: float, after: float) -> float:
    """How many seconds two clocks differ at least.

    Vault's whole second `theirs` was read at an unknown moment between our `before` and `after`, and is up to a second
    behind what its clock showed.
    """
    return max(0.0, theirs - after, before - (theirs + 1))
