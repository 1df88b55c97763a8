# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from breakglass.cli.json_output import AsJsonList, print_json
from breakglass.counting import count

SIGNS = {"more": "+", "less": "-", "same": " "}


def diff(
    old: Annotated[Path, typer.Argument(help="A policy file, or a directory of them.")],
    new: Annotated[Path, typer.Argument(help="What it becomes.")],
    *,
    fail_on_more: Annotated[
        bool, typer.Option("--fail-on-more", help="End with 1 when the new policy allows, or may allow, more.")
    ] = False,
    settings: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(help="The settings, where remediations of other collections lie elsewhere."),
    ] = None,
    as_json: AsJsonList = False,
) -> None:
    """Say what a policy allows that another did not. Marked with +: more, or perhaps more; with -: less."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    from breakglass.domain.change import Effect  # noqa: PLC0415
    from breakglass.domain.policy_changes import changes  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.installed import installed_remediations  # noqa: PLC0415
    from breakglass.policy.load import load_policy  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    remediations = installed_remediations(load_settings(settings).collections if settings else ())
    before, after = (load_policy(path, channels=None, remediations=remediations, groups=None) for path in (old, new))
    found = changes(before, after)
    if as_json:
        print_json([{"effect": str(change.effect), "sentence": change.sentence} for change in found])
    for change in [] if as_json else found:
        typer.echo(printable(f"{SIGNS[change.effect]} {change.sentence}"))
    more = sum(change.effect is Effect.MORE for change in found)
    if not found:
        typer.echo("They mean the same.", err=as_json)
    if more and fail_on_more:
        raise BreakglassError(f"{new} allows more than {old} in {count(more, 'way')}.")
