# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass serve`, `demo` and `version`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from breakglass.cli.json_output import AsJson, print_json

SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]


def serve(settings: SettingsFile = Path("settings.yml")) -> None:
    """Receive alerts and repair, until SIGTERM."""
    from breakglass.log import set_up_logging  # noqa: PLC0415
    from breakglass.runner import make_runner  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415
    from breakglass.web.server import serve as serve_runner  # noqa: PLC0415

    set_up_logging()
    runner = make_runner(load_settings(settings))
    policy = runner.in_force.now.policy
    triggers, digest = len(policy.triggers), policy.digest[:8]
    serve_runner(
        runner,
        lambda url: typer.echo(f"Runner {url}  policy {digest}, {triggers} trigger{'s' if triggers != 1 else ''}"),
    )


def demo(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the story.")] = False,
    fails: Annotated[
        bool, typer.Option("--fails", help="The repair does not help: two attempts, then people.")
    ] = False,
    directory: Annotated[Path, typer.Option(help="Where journal and key are left.")] = Path("demo"),
) -> None:
    """Run the main job on real parts on this machine: OpenBao, an SSH host, a service, a runner."""
    from breakglass.demo.main import run_demo  # noqa: PLC0415

    raise typer.Exit(run_demo(directory.absolute(), as_json=as_json, fails=fails))


def version(*, as_json: AsJson = False) -> None:
    """Print the version."""
    from breakglass import __version__  # noqa: PLC0415

    if as_json:
        print_json({"version": __version__})
        return
    typer.echo(__version__)
