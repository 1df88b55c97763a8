# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in Vault, and how it is compared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import AccessSpec, HostCertificates
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.diff import differences
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.objects import Kind, Wanted
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired

BOX = timedelta(minutes=15)
RENEWING = ["breakglass-renewing-grant"]
WEB = AccessSpec("web", ("web2", "web1"), "breakglass", BOX)


def body_of(title: str, *accesses: AccessSpec) -> dict[str, object]:
    return next(dict(one.body) for one in desired(accesses) if one.title == title)


def test_token_roles_never_leave_the_policies_open() -> None:
    """An empty `allowed_policies` would give a child all of its parent's."""
    for kind, orphan, renewing in (("child", False, []), ("orphan", True, []), ("short", True, RENEWING)):
        body = body_of(f"token role breakglass-{kind}-web", WEB)
        assert body["allowed_policies"] == ["breakglass-access-web", "breakglass-grant", *renewing]
        assert (body["orphan"], body["renewable"], body["token_no_default_policy"]) == (orphan, bool(renewing), True)
        assert body["token_explicit_max_ttl"] == 900


def test_the_ssh_role_names_the_hosts_exactly() -> None:
    """Allowed users are the inventory names; no extension, no template, no empty principals, Ed25519 only."""
    body = body_of("SSH role breakglass-web", WEB)
    assert body["allowed_users"] == "web1,web2"
    assert body["max_ttl"] == 900
    assert body["default_extensions"] == {}
    assert body["allowed_user_key_lengths"] == {"ed25519": 0}
    assert not any(
        body[name] for name in ("allow_empty_principals", "allowed_users_template", "allow_host_certificates")
    )


def test_host_certificates_are_for_the_hosts_of_the_access_only() -> None:
    """Their role signs these names, none below them, and no user; without them there is no such role."""
    access = AccessSpec("web", ("web2", "web1"), None, BOX, (HostCertificates(),))
    body = body_of("SSH role breakglass-host-web", access)
    assert (body["allowed_domains"], body["allow_bare_domains"]) == ("web1,web2", True)
    assert (body["allow_subdomains"], body["allow_user_certificates"], body["allowed_users"]) == (False, False, "")
    titles = {one.title for one in desired([WEB])}
    assert "SSH role breakglass-web" in titles
    assert "SSH role breakglass-host-web" not in titles
    assert "SSH role breakglass-web" not in {one.title for one in desired([access])}


def test_the_runner_is_periodic_and_has_one_policy() -> None:
    """The AppRole gives a service token with a period and without the default policy."""
    body = body_of("AppRole breakglass-runner")
    assert body["token_period"] == 600
    assert body["token_policies"] == ["breakglass-runner"]
    assert body["token_no_default_policy"] is True


def test_mounts_come_first() -> None:
    """What is written can be written in this order."""
    kinds = [one.kind for one in desired([WEB])]
    last_mount = max(index for index, kind in enumerate(kinds) if kind in {Kind.SECRETS_MOUNT, Kind.LOGIN_MOUNT})
    assert last_mount == 3


@pytest.mark.parametrize("mount", ["ssh-breakglass-next", "ssh-breakglass-previous"])
def test_another_authority_has_the_same_roles(mount: str) -> None:
    """Each SSH role of the current one stands in its mount with the same body, and no other object is doubled."""
    accesses = [WEB, AccessSpec("db", ("db1",), "breakglass", BOX, (HostCertificates(),))]
    current, both = desired(accesses), desired(accesses, further_mounts=[mount])
    assert both[: len(current)] == current
    of_it = both[len(current) :]
    roles = {one.path.removeprefix("ssh-breakglass/"): one.body for one in current if "/roles/breakglass" in one.path}
    roles = {path: body for path, body in roles.items() if path.startswith("roles/")}
    assert {one.path.removeprefix(f"{mount}/"): one.body for one in of_it if one.kind is Kind.ROLE} == roles
    assert [one.path for one in of_it if one.kind is Kind.SECRETS_MOUNT] == [f"sys/mounts/{mount}"]
    assert all(f"{mount}/" in one.title for one in of_it)


def test_the_previous_authority_never_gets_a_new_key() -> None:
    """Only the next one is made; hosts trust whatever key is at the place of the previous one."""
    made = [one.path for one in desired([WEB], further_mounts=["ssh-breakglass-next", "ssh-breakglass-previous"])]
    assert "ssh-breakglass-next/config/ca" in made
    assert "ssh-breakglass-previous/config/ca" not in made


def test_two_accesses_of_one_name_are_refused() -> None:
    """One would silently win."""
    with pytest.raises(UnusableRequest):
        desired([WEB, WEB])


@pytest.mark.parametrize(
    ("name", "hosts", "box"),
    [
        ("Web", ("web1",), BOX),
        ("host", ("web1",), BOX),
        ("web", (), BOX),
        ("web", ("*",), BOX),
        ("web", ("web1,web2",), BOX),
        ("web", ("{{identity.entity.name}}",), BOX),
        ("web", ("web1",), timedelta(0)),
        ("web", ("web1",), timedelta(milliseconds=1500)),
    ],
)
def test_an_access_that_would_open_more_than_it_says_is_refused(
    name: str, hosts: tuple[str, ...], box: timedelta
) -> None:
    """Bad names, no hosts, patterns and templates as hosts, and strange boxes are refused."""
    with pytest.raises(UnusableRequest):
        AccessSpec(name, hosts, None, box)


def wanted(**body: object) -> Wanted:
    return Wanted(Kind.ROLE, "role x", "x", body)


@pytest.mark.parametrize(
    ("want", "there"),
    [
        ([], None),
        ("", None),
        ({}, None),
        (["a", "b"], ["b", "a"]),
        ({"ed25519": 0}, {"ed25519": [0]}),
        ("text\n", "text"),
        (600, 600),
    ],
)
def test_vaults_ways_to_write_the_same_are_equal(want: object, there: object) -> None:
    """Null and empty, order, and one number in a list make no difference."""
    assert differences(wanted(field=want), {"field": there, "other": 1}) == ()


@pytest.mark.parametrize("off", [False, 0, "", []])
def test_a_field_that_vault_does_not_know_may_be_off(off: object) -> None:
    """What is wanted off and not told counts as off; what is wanted on does not."""
    assert differences(wanted(field=off), {}) == ()
    assert [str(one) for one in differences(wanted(field=True), {})] == ["field: nothing -> True"]


@pytest.mark.parametrize(
    ("want", "there", "line"),
    [
        (["a"], ["a", "b"], "field: a, b -> a"),
        (False, True, "field: True -> False"),
        ("", "*", "field: * -> nothing"),
        ({"ed25519": 0}, {}, "field: nothing -> {'ed25519': 0}"),
        ("a\nb", "a\nc", "field: the text differs"),
        (0, False, None),
    ],
)
def test_a_difference_is_one_line(want: object, there: object, line: str | None) -> None:
    """What stands comes first, then what is wanted; long texts are not printed."""
    assert [str(one) for one in differences(wanted(field=want), {"field": there})] == ([line] if line else [])
