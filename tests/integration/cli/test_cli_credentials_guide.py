# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of the guide about credentials are what they say: policies that pass, YAML that parses, SQL that is tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.database_engine import CREATION, REVOCATION

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Call

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "credentials.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
YAML = [text for language, text in BLOCKS if language == "yaml"]
POLICIES = [text for text in YAML if text.startswith("version:")]


@pytest.mark.parametrize("text", POLICIES, ids=range(len(POLICIES)))
def test_policies_of_the_guide_pass(call: Call, tmp_path: Path, text: str) -> None:
    """`policy check` finds nothing wrong with a policy of the guide."""
    policy = tmp_path / "policy.yml"
    policy.write_text(text, encoding="utf-8")
    checked = call("policy", "check", policy)
    assert checked.returncode == 0, checked.stdout


def test_the_policy_of_the_guide_shows_every_kind() -> None:
    """Each kind of credential stands in it."""
    kinds = {entry["kind"] for text in POLICIES for entry in _access(text)["credentials"]}
    assert kinds == {"ssh", "ssh_host", "database", "pki", "pki_host", "secret", "rotation"}


def _access(text: str) -> dict[str, list[dict[str, str]]]:
    (access,) = yaml.safe_load(text)["access"].values()
    assert isinstance(access, dict)
    return access


def test_every_other_block_of_yaml_is_a_playbook() -> None:
    """It parses to plays with hosts and named tasks."""
    playbooks = [yaml.safe_load(text) for text in YAML if text not in POLICIES]
    assert len(playbooks) >= 2
    for play in (play for plays in playbooks for play in plays):
        assert play["name"]
        assert play["hosts"]
        assert all(task["name"] for task in play["tasks"])


def test_the_statements_of_the_guide_are_those_that_are_tested() -> None:
    """What the guide tells admins to write is what the tests with a real PostgreSQL use, word for word."""
    statements = [text.rstrip("\n") for language, text in BLOCKS if language == "sql"]
    assert statements == ["\n".join(CREATION), *REVOCATION]
