# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for people's yes at a terminal: each change is told, and Ctrl-C leaves the request alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from breakglass.client.requesting import Standing


def waited(request: str) -> Standing:
    """How a request stands when it is open, or over; ends the command at Ctrl-C, and says how to come back."""
    import os  # noqa: PLC0415

    from breakglass.client.requesting import wait  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    try:
        with runner_api(os.environ) as api:
            return wait(api, request, _tell)
    except KeyboardInterrupt:
        typer.echo(f"\n{request} goes on without you. Withdraw it, or give it back, with: breakglass release {request}")
        raise typer.Exit(1) from None


def _tell(now: Standing) -> None:
    typer.echo(f"  {now.state:<10} {now.why}".rstrip())
