# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.domain.routing import BadParameter
from breakglass.remediations import (
    Remediations,
    UnknownRemediation,
    UnreadableRemediation,
    content_digest,
    full_name,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_short_name_is_a_role_of_ours(roles: Path) -> None:
    """`restart_service` and its full name are the same role, with what its two files say."""
    remediations = Remediations(roles)
    found = remediations.find("restart_service")
    assert found is remediations.find("breakglass.remediation.restart_service")
    assert found.name == "breakglass.remediation.restart_service"
    assert found.behaviour.idempotent
    assert found.behaviour.expected_duration == timedelta(seconds=20)
    assert found.check_parameters({"restart_service_name": "nginx", "restart_service_timeout": "5"}) == {
        "restart_service_name": "nginx",
        "restart_service_timeout": 5,
    }


def test_a_full_name_is_found_on_the_collection_path(roles: Path, tmp_path: Path) -> None:
    """A role of another collection is found below `ansible_collections`; what it does not say of itself is taken as the worst."""
    inner = tmp_path / "site" / "ansible_collections" / "acme" / "web" / "roles" / "drain"
    (inner / "meta").mkdir(parents=True)
    (inner / "meta" / "argument_specs.yml").write_text("argument_specs: {main: {short_description: x}}\n")
    found = Remediations(roles, [tmp_path / "empty", tmp_path / "site"]).find("acme.web.drain")
    assert found.arguments == {}
    assert (found.behaviour.idempotent, found.behaviour.disruptive, found.behaviour.check_mode) == (False, True, "none")


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc", "a.b", "a.b.c.d", "Restart", "a.b.../x", "x y", "x\n"])
def test_only_names_are_names(roles: Path, name: str) -> None:
    """A text that could be a path is no role name."""
    with pytest.raises(UnknownRemediation):
        Remediations(roles).find(name)
    with pytest.raises(UnknownRemediation):
        full_name(name)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("argument_specs.yml", None),
        ("argument_specs.yml", "a: ["),
        ("argument_specs.yml", "argument_specs: {}"),
        ("argument_specs.yml", "argument_specs: {main: {options: {a: {type: sql}}}}"),
        ("argument_specs.yml", "a: \xff"),
        ("remediation.yml", "idempotent: maybe"),
        ("remediation.yml", "idempotant: true"),
        ("remediation.yml", "- x"),
        ("remediation.yml", "releases_host: perhaps"),
        ("remediation.yml", "holds_host: true\nreleases_host: true"),
    ],
)
def test_a_role_that_says_nothing_clear_is_refused(roles: Path, file: str, content: str | None) -> None:
    """Without a readable argument spec, or with a behaviour that is not one, a role can't be used."""
    path = roles / "restart_service" / "meta" / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UnreadableRemediation):
        Remediations(roles).find("restart_service")


def test_what_a_role_says_for_its_readme(roles: Path) -> None:
    """An example and what it does not do stand beside its behaviour, and a misspelt one is refused like any other key."""
    file = roles / "restart_service" / "meta" / "remediation.yml"
    file.write_text("example: {restart_service_name: nginx}\ndoes_not:\n  - It does not heal the world.\n")
    behaviour = Remediations(roles).find("restart_service").behaviour
    assert behaviour.example == {"restart_service_name": "nginx"}
    assert behaviour.does_not == ("It does not heal the world.",)
    file.write_text("dose_not: [x]\n")
    with pytest.raises(UnreadableRemediation, match='Did you mean "does_not"'):
        Remediations(roles).find("restart_service")


@pytest.mark.parametrize("key", ["holds_host", "releases_host"])
def test_a_role_says_what_becomes_of_its_hosts(roles: Path, key: str) -> None:
    """A role leaves holds alone unless it says that it sets or ends them."""
    plain = Remediations(roles).find("restart_service").behaviour
    assert (plain.holds_host, plain.releases_host) == (False, False)
    (roles / "restart_service" / "meta" / "remediation.yml").write_text(f"{key}: true\n")
    assert getattr(Remediations(roles).find("restart_service").behaviour, key) is True


def test_the_digest_binds_names_and_contents(roles: Path) -> None:
    """Another content, another name and another file each change the digest; compiled Python does not."""
    role = roles / "restart_service"
    (role / "tasks").mkdir()
    main = role / "tasks" / "main.yml"
    main.write_text("[]\n")
    seen = {content_digest(role)}
    (role / "__pycache__").mkdir()
    (role / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert content_digest(role) in seen
    main.write_text("[ ]\n")
    seen.add(content_digest(role))
    main.rename(role / "tasks" / "other.yml")
    seen.add(content_digest(role))
    (role / "tasks" / "empty.yml").touch()
    seen.add(content_digest(role))
    assert len(seen) == 4


def test_a_linked_directory_is_refused(roles: Path, tmp_path: Path) -> None:
    """What lies behind a link to a directory would not be bound by the digest."""
    (roles / "restart_service" / "tasks").symlink_to(tmp_path)
    with pytest.raises(UnreadableRemediation, match="is a link"):
        content_digest(roles / "restart_service")


@pytest.mark.parametrize(
    ("kind", "value"), [("service", "ng;nx"), ("port", "70000"), ("path", "/etc/../shadow"), ("service", "{{ 7*7 }}")]
)
def test_a_parameter_is_what_its_kind_takes(roles: Path, kind: str, value: str) -> None:
    """What the role would refuse on the host is refused before anything is opened, by a sentence without the value."""
    _declare(roles, kind)
    found = Remediations(roles).find("restart_service")
    for check in (
        lambda: found.check_parameters({"restart_service_name": value}),
        lambda: found.check_parameter("restart_service_name", value),
    ):
        with pytest.raises(BadParameter, match="restart_service_name is not") as refused:
            check()
        assert value not in str(refused.value)


def test_a_parameter_that_fits_its_kind(roles: Path) -> None:
    """A name passes as it is."""
    _declare(roles, "service")
    given = {"restart_service_name": "nginx"}
    assert Remediations(roles).find("restart_service").check_parameters(given) == given


def test_a_required_list_is_checked_by_item(roles: Path) -> None:
    """It has no default that would show that it is one; its type says so."""
    spec = roles / "restart_service" / "meta" / "argument_specs.yml"
    options = {"restart_service_name": {"type": "list", "elements": "str", "required": True}}
    spec.write_text(yaml.safe_dump({"argument_specs": {"main": {"options": options}}}))
    _declare(roles, "service")
    found = Remediations(roles).find("restart_service")
    given = {"restart_service_name": ["nginx", "cron"]}
    assert found.check_parameters(given) == given
    with pytest.raises(BadParameter, match="restart_service_name has an item that is not the name of a service"):
        found.check_parameters({"restart_service_name": ["nginx", "ng;nx"]})
    with pytest.raises(BadParameter, match="needs the parameter restart_service_name"):
        found.check_parameters({})


def _declare(roles: Path, kind: str) -> None:
    meta = roles / "restart_service" / "meta" / "remediation.yml"
    meta.write_text(meta.read_text() + f"parameters: {{restart_service_name: {kind}}}\n")


def test_a_kind_that_there_is_not(roles: Path) -> None:
    """A role that names an unknown kind can't be used, and the sentence lists the kinds."""
    _declare(roles, "servise")
    with pytest.raises(UnreadableRemediation, match=r"no kind that there is. Known: account"):
        Remediations(roles).find("restart_service")
