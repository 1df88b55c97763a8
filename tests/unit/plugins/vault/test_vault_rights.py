# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights the text of a policy gives."""

from __future__ import annotations

import re

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import policies
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.capabilities import rights_of


def test_the_rights_of_the_runner() -> None:
    """Each path of its policy is there with its capabilities; where the policy has a pattern, a path that fits it."""
    rights = rights_of(policies.RUNNER)
    assert rights["auth/token/create/breakglass-child-breakglass-doctor"] == {"update"}
    assert rights["kv/data/breakglass/anchors/breakglass-doctor"] == {"create", "read"}
    assert rights["kv/data/breakglass/hold"] == {"create", "read", "update"}


@pytest.mark.parametrize("policy", [policies.RUNNER, policies.GRANT, policies.RENEWING, policies.OPERATOR])
def test_no_rule_is_overlooked(policy: str) -> None:
    """Every rule of our policies is read, however it is laid out."""
    assert len(rights_of(policy)) == len(re.findall(r"^path ", policy, re.MULTILINE))
    assert all(rights_of(policy).values())
