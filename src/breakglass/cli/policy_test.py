# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy test`."""

from __future__ import annotations

import typer

from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile
from breakglass.counting import count


def run_tests(settings: SettingsFile = SETTINGS, policy: OtherPolicy = None, *, as_json: AsJsonList = False) -> None:
    """Run the policy's own tests: what it makes of their alerts. 0 all hold, 1 one does not."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    from breakglass.domain.rehearsal import rehearse  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415

    site = read_site(settings, policy)
    cases = [(case, rehearse(case, site.policy, site.inventory.hosts, site.remediations)) for case in site.policy.cases]
    failed = sum(bool(wrong) for _, wrong in cases)
    if as_json:
        print_json([{"name": case.name, "line": case.line, "wrong": list(wrong)} for case, wrong in cases])
    for case, wrong in [] if as_json else cases:
        typer.echo(printable(f"{'FAILED' if wrong else 'ok    '}  {case.name}  ({case.line})"))
        for sentence in wrong:
            typer.echo(printable(f"          {sentence}"))
    if not cases:
        typer.echo("The policy has no tests. `breakglass policy explain ALERT --as-test` writes one.", err=as_json)
    if failed:
        raise BreakglassError(f"{failed} of {count(len(site.policy.cases), 'test')} of the policy failed.")
