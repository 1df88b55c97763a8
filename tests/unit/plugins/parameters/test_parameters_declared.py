# SPDX-License-Identifier: GPL-3.0-or-later
"""Every remediation of ours declares what its parameters may name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.breakglass.remediation import plugins
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.checking import (
    check,
    declared_kinds,
    lists_of,
)

ROLES = Path(next(iter(plugins.__path__))).resolve().parent / "roles"
REMEDIATIONS = sorted(path.parent.parent.name for path in ROLES.glob("*/meta/remediation.yml"))


def _meta(role: str, name: str) -> Any:
    return yaml.safe_load((ROLES / role / "meta" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", REMEDIATIONS)
def test_each_parameter_has_a_kind(role: str) -> None:
    """Text, number and list parameters have a kind, unless their choices are listed; nothing else has one."""
    options = _meta(role, "argument_specs.yml")["argument_specs"]["main"]["options"]
    wanted = {name for name, one in options.items() if one["type"] != "bool" and "choices" not in one}
    assert declared_kinds(_meta(role, "remediation.yml")).keys() == wanted


@pytest.mark.parametrize("role", REMEDIATIONS)
def test_the_parameters_are_checked_before_anything_else(role: str) -> None:
    """The first task of a remediation is the check."""
    tasks = yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text(encoding="utf-8"))
    assert "breakglass.remediation.parameters" in tasks[0]


@pytest.mark.parametrize("role", REMEDIATIONS)
def test_defaults_are_said_once(role: str) -> None:
    """What stands in the spec as a default is the default, and passes."""
    options = _meta(role, "argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = {name: one["default"] for name, one in options.items() if "default" in one}
    assert yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8")) == defaults
    check(declared_kinds(_meta(role, "remediation.yml")), defaults, defaults, lists_of(options))


def test_there_are_some() -> None:
    """The tests above look at something."""
    assert "restart_service" in REMEDIATIONS
