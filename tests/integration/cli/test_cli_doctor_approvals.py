# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass doctor` about approvals that nobody could give: each made for real in Vault, found, and mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.integration.cli.test_cli_doctor import RUNNER_POLICY, Doctor
from tests.support.site import Site

from breakglass.demo.parts import prepare_vault
from breakglass.enrolling import enrol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cli.conftest import Command

pytestmark = pytest.mark.slow

POLICY = """
approvals:
  two: {require: [{count: 1, from: [dba]}, {count: 1, from: [security]}], notify: [on-call]}
requests:
  - {name: by-hand, who: [web-team], access: web-operator, approval: two, time_box: 5m, escalation: on-call}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as made:
        policy = made.place.policy
        policy.write_text(policy.read_text().replace("approval: automatic", "approval: two") + POLICY)
        prepare_vault(made.place.settings, made.environment)
        yield made


@pytest.fixture
def doctor(breakglass: Command, site: Site) -> Doctor:
    return Doctor(breakglass, site)


@pytest.fixture
def admin(site: Site) -> Iterator[Client]:
    with Client(Connection(site.vault.url), site.vault.root_token) as client:
        yield client


def hire(admin: Client, name: str, *groups: str, person: str = "") -> str:
    """An entity in these groups, of a person if one is named."""
    body = {"name": name, "metadata": {"person": person} if person else {}}
    entity = text(section(admin.post("identity/entity", body), "data"), "id")
    for group in groups:
        known = texts(section(admin.get(f"identity/group/name/{group}"), "data"), "member_entity_ids")
        admin.post(f"identity/group/name/{group}", {"member_entity_ids": [*known, entity]})
    return entity


def test_one_after_the_other_is_found_until_it_can_be_given(doctor: Doctor, admin: Client) -> None:
    """Nobody there, nobody's entity, no second factor, the same person twice, who asks; then all is well."""
    said = doctor("--no-hosts")
    assert said.code == 1
    assert said.says("approval two").startswith("!! nobody can give it: if all said yes who can (nobody)")

    ben = hire(admin, "ben-laptop", "dba", "security")
    assert "ben-laptop can't approve: an admin says whose entity that is" in doctor("--no-hosts").says("approvals")
    admin.post(f"identity/entity/id/{ben}", {"name": "ben-laptop", "metadata": {"person": "ben"}})
    said = doctor("--no-hosts")
    assert "ben can't approve without a second factor: breakglass vault enrol ben; of dba, security" in said.says(
        "approvals"
    )
    enrol(admin, "ben")
    said = doctor("--no-hosts")
    assert said.says("approvals") == ""
    assert "if all said yes who can (ben), it would still need 1 of security" in said.says("approval two")

    hire(admin, "cy", "security", "web-team", person="cy")
    enrol(admin, "cy")
    said = doctor("--no-hosts")
    assert said.says("approval two").startswith(
        "!! nobody can give it when cy asks (by-hand): without cy it would still need 1 of"
    )
    hire(admin, "dan", "security", person="dan")
    enrol(admin, "dan")
    said = doctor("--no-hosts")
    assert said.says("approval two") == "ok can be given: ben, cy, dan"
    assert "approval two" not in said.marked("!!")


def test_a_disabled_entity_is_nobody(doctor: Doctor, admin: Client) -> None:
    """Who has left is no approver, and no trouble either."""
    entity = hire(admin, "eve", "dba", person="")
    admin.post(f"identity/entity/id/{entity}", {"name": "eve", "disabled": True})
    assert "eve" not in doctor("--no-hosts").says("approvals")


def test_a_group_that_is_not_there(doctor: Doctor, admin: Client) -> None:
    """Somebody has deleted it; `vault apply` makes it, and nobody is in it then."""
    admin.delete("identity/group/name/security")
    said = doctor("--no-hosts")
    assert "Vault has no group security, which the policy names. Make it: breakglass vault apply" in said.says(
        "approvals"
    )
    assert said.code == 1


def test_an_older_policy_of_the_runner(doctor: Doctor, admin: Client, site: Site) -> None:
    """Without the right to look nobody knows, and the command that brings it is named."""
    policy = text(section(admin.get(RUNNER_POLICY), "data"), "policy")
    admin.post(
        RUNNER_POLICY, {"policy": policy.replace('path "identity/group/name/*"', 'path "identity/group/nobody/*"')}
    )
    said = doctor("--no-hosts")
    assert said.says("approvals").startswith("?? whether they can be given")
    assert "breakglass vault apply" in said.says("approvals")
    prepare_vault(site.place.settings, site.environment)
