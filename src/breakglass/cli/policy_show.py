# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy show`, `graph` and `who-can`."""

from __future__ import annotations

from typing import Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json
from breakglass.cli.policy_options import SETTINGS, OtherPolicy, SettingsFile


def show(
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    *,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Fill in all that the policy leaves to the language.")
    ] = False,
) -> None:
    """Print the policy as one file, also where it is a directory of them."""
    import yaml  # noqa: PLC0415

    from breakglass.policy.merge import read_policy_files  # noqa: PLC0415
    from breakglass.policy.yaml_text import plain  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415
    from breakglass.policy_text import with_defaults  # noqa: PLC0415

    site = read_site(settings, policy)
    if defaults:
        typer.echo(with_defaults(site.policy), nl=False)
        return
    root, _ = read_policy_files(policy or site.settings.policy)
    typer.echo(yaml.safe_dump(plain(root), sort_keys=False, allow_unicode=False, width=110), nl=False)


def graph(
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    *,
    states: Annotated[bool, typer.Option("--states", help="Draw the life of an incident instead.")] = False,
) -> None:
    """Print a picture of the policy in Mermaid: from alert or person to access, remediation, proof and people."""
    from breakglass.policy_graph import policy_graph, states_graph  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415

    if states:
        lines = states_graph()
    else:
        site = read_site(settings, policy)
        lines = policy_graph(site.policy, site.inventory.hosts)
    for line in lines:
        typer.echo(line)


def who_can(
    access: Annotated[str, typer.Argument(help="The name of an access.")],
    settings: SettingsFile = SETTINGS,
    policy: OtherPolicy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what an access opens, and by whom and what it can be opened."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import (  # noqa: PLC0415
        printable,
    )

    from breakglass.policy.scalars import did_you_mean  # noqa: PLC0415
    from breakglass.policy_site import read_site  # noqa: PLC0415
    from breakglass.policy_text import who_can as ways  # noqa: PLC0415

    site = read_site(settings, policy)
    found = site.policy.access.get(access)
    if found is None:
        raise typer.BadParameter(f"There is no access {access}.{did_you_mean(access, site.policy.access)}")
    lines = list(ways(site.policy, found, site.inventory.hosts))
    if as_json:
        print_json({"access": access, "opens": list(found.words), "lines": lines})
        return
    for line in lines:
        typer.echo(printable(line))
