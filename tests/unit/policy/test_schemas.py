# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml
from tests.unit.policy.policy_material import COMPLETE, SMALLEST

from breakglass.policy.schema import policy_schema
from breakglass.settings import settings_schema

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize(("name", "schema"), [("policy", policy_schema), ("settings", settings_schema)])
def test_the_published_schema_is_the_generated_one(name: str, schema: Callable[[], dict[str, object]]) -> None:
    """The schema in docs/reference is what the models give today."""
    assert json.loads((REFERENCE / f"{name}.schema.json").read_text(encoding="utf-8")) == schema()


def test_the_policy_schema_knows_the_language() -> None:
    """An editor accepts the smallest policy and the whole language, and marks typos."""
    validator = jsonschema.Draft202012Validator(policy_schema())
    assert validator.is_valid(yaml.safe_load(SMALLEST))
    assert not validator.is_valid(yaml.safe_load(SMALLEST.replace("approval", "approvall")))
    assert validator.is_valid(yaml.safe_load(COMPLETE))
