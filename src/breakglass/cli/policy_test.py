# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy test`."""

from __future__ import annotations

import typer

from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile
from breakglass.counting import count


def run_tests(settings: SettingsFile = SETTINGS, policy: OtherPolicy = None) -> None:
    """Run the policy's own tests: what it makes of their alerts. 0 all hold, 1 one does not."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    from breakglass.domain.rehearsal import rehearse  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415

    site = read_site(settings, policy)
    failed = 0
    for case in site.policy.cases:
        wrong = rehearse(case, site.policy, site.inventory.hosts, site.remediations)
        failed += bool(wrong)
        typer.echo(printable(f"{'FAILED' if wrong else 'ok    '}  {case.name}  ({case.line})"))
        for sentence in wrong:
            typer.echo(printable(f"          {sentence}"))
    if not site.policy.cases:
        typer.echo("The policy has no tests. `breakglass policy explain ALERT --as-test` writes one.")
    if failed:
        raise BreakglassError(f"{failed} of {count(len(site.policy.cases), 'test')} of the policy failed.")
