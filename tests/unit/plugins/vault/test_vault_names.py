# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and policies."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import names
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import AccessSpec
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableRequest


def web_access(name: str) -> AccessSpec:
    return AccessSpec(name, ("web1",), "breakglass", timedelta(minutes=15))


@pytest.mark.parametrize("name", ["a", "0", "web-operator", "a" * 63])
def test_good_names_pass(name: str) -> None:
    """Lower-case letters, digits and dashes name an access."""
    assert names.access_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "A", "a b", "a/b", "a\n", "a" * 64, "é", "a.b", "a_b", "../x", "*", "host", "host-web", "{{ 1 }}"],
)
def test_other_names_are_refused_everywhere(name: str) -> None:
    """No path, role or policy is built from a name that is none, nor from one that begins as the host roles do."""
    builders = (names.child_role, names.orphan_role, names.short_role, names.access_policy)
    for build in (*builders, names.ssh_role, names.ssh_host_role, names.grant_policies, web_access):
        with pytest.raises(UnusableRequest):
            build(name)


def test_all_objects_of_an_access_carry_its_name() -> None:
    """Token roles, policy and SSH role are named as the design says."""
    assert names.child_role("web") == "breakglass-child-web"
    assert names.orphan_role("web") == "breakglass-orphan-web"
    assert names.short_role("web") == "breakglass-short-web"
    assert names.ssh_role("web") == "breakglass-web"
    assert names.ssh_host_role("web") == "breakglass-host-web"
    assert names.grant_policies("web") == {"breakglass-grant", "breakglass-access-web"}


def test_the_policy_of_an_access_names_its_role_only() -> None:
    """The text signs with the role of this access, and nothing is left of the template."""
    text = web_access("web").rules()
    assert 'path "ssh-breakglass/sign/breakglass-web"' in text
    assert "ACCESS" not in text
    assert "*" not in text


def test_an_anchor_path_keeps_the_slashes() -> None:
    """The segments of an origin become segments of the path."""
    assert names.anchor_path("example.com/2026/INC-1") == "breakglass/anchors/example.com/2026/INC-1"
