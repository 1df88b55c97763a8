# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from breakglass.cli import policy_diff, policy_explain, policy_show, policy_test
from breakglass.cli.json_output import AsJson, print_json
from breakglass.counting import count

app = typer.Typer(help="What may be done.", no_args_is_help=True)
app.command()(policy_explain.explain)
app.command("test")(policy_test.run_tests)
app.command()(policy_diff.diff)
app.command()(policy_show.show)
app.command()(policy_show.graph)
app.command("who-can")(policy_show.who_can)


@app.command()
def check(
    policy: Annotated[Path, typer.Argument(help="A policy file, or a directory of them.")],
    settings: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(help="Checks channels and inventory groups too."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say with file, line and a sentence what is wrong."""
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.installed import installed_remediations  # noqa: PLC0415
    from breakglass.inventory import read_inventory  # noqa: PLC0415
    from breakglass.policy.load import load_policy  # noqa: PLC0415
    from breakglass.policy.problems import PolicyErrors  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    loaded = load_settings(settings) if settings else None
    try:
        found = load_policy(
            policy,
            channels=loaded.channels if loaded else None,
            remediations=installed_remediations(loaded.collections if loaded else ()),
            groups=read_inventory(loaded.inventory).groups if loaded else None,
            has_prometheus=loaded is None or loaded.prometheus is not None,
            of_jobs=loaded.awx.accesses if loaded and loaded.awx else (),
        )
    except PolicyErrors as errors:
        if as_json:
            print_json({"problems": [str(problem) for problem in errors.problems]})
        for problem in [] if as_json else errors.problems:
            typer.echo(str(problem))
        raise BreakglassError(f"{policy} has {count(len(errors.problems), 'problem')}; nothing was changed.") from None
    if as_json:
        sizes = {"triggers": len(found.triggers), "accesses": len(found.access), "digest": found.digest}
        print_json({"problems": [], **sizes, "with_settings": loaded is not None})
        return
    found_text = f"OK  {count(len(found.triggers), 'trigger')}, {count(len(found.access), 'access', 'accesses')}"
    if loaded:
        typer.echo(f"{found_text}, digest {found.digest[:8]}.")
    else:
        typer.echo(f"{found_text}. Channels and groups were not checked: name the settings with --settings.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy."""
    import json  # noqa: PLC0415

    from breakglass.policy.schema import policy_schema  # noqa: PLC0415

    typer.echo(json.dumps(policy_schema(), indent=2))
