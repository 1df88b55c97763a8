# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command of `breakglass vault` takes, and the login that it works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from breakglass.vault_setup import VaultSetup

SettingsFile = Annotated[Path, typer.Option("--settings", help="The settings of this installation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def prepared_setup(settings: Path) -> AbstractContextManager[VaultSetup]:
    """The installation's accesses, and Vault with the login of whoever runs the command; raises BreakglassError."""
    from breakglass.settings import load_settings  # noqa: PLC0415
    from breakglass.vault_setup import VaultSetup  # noqa: PLC0415

    return VaultSetup.from_settings(load_settings(settings), os.environ)
