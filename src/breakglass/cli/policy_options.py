# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands of `breakglass policy` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

SettingsFile = Annotated[
    Path, typer.Option("--settings", help="The settings: they name policy, inventory and channels.")
]
OtherPolicy = Annotated[
    Optional[Path],  # noqa: UP045 (typer reads it)
    typer.Option("--policy", help="Another policy than that of the settings."),
]
SETTINGS = Path("settings.yml")
