# SPDX-License-Identifier: GPL-3.0-or-later
"""What our execution environment sets for the programs in it, read from its definition."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

AWX = Path(__file__).resolve().parents[3] / "deploy" / "awx"
NAME = "breakglass-ee:test"

_SETS = re.compile(r"ENV ([A-Z_]+)=(.*)")


def variables() -> dict[str, str]:
    """The `ENV` lines of the last build step, with the one argument that a build gives."""
    definition = yaml.safe_load((AWX / "execution-environment.yml").read_text(encoding="utf-8"))
    steps = definition["additional_build_steps"]["append_final"]
    found = dict(match.groups() for step in steps if (match := _SETS.fullmatch(step)))
    return {name: value.replace("$BREAKGLASS_EE_IMAGE", NAME) for name, value in found.items()}
