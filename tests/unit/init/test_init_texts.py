# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written, for any inventory and any path: it loads, and says what it must."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import Health
from hypothesis import given
from hypothesis import strategies as st

from breakglass.domain.rules import Mode
from breakglass.init.answers import InventoryAnswer, VaultAnswer, _groups
from breakglass.init.texts import FAILED_UNIT, Places, policy_text, scalar, settings_text
from breakglass.installed import installed_remediations
from breakglass.policy.load import load_policy
from breakglass.policy.yaml_text import plain, read_yaml
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from breakglass.domain.rules import Policy

HEALTH = Health("OpenBao", "2.7.2", initialized=True, sealed=False, standby=False, server_time=datetime.now(UTC))
VAULT = VaultAnswer("https://vault.example.com:8200", None, None, HEALTH)
PLACES = Places("127.0.0.1:8443", "/home/ada/infra/inventory", "state", "")


def inventory(*groups: str, host: str = "web1") -> InventoryAnswer:
    return InventoryAnswer(Path("/inventory"), (host, "web2"), groups)


def load(directory: Path, answer: InventoryAnswer) -> Policy:
    path = directory / "breakglass.yml"
    path.write_text(policy_text(answer), encoding="utf-8")
    groups = {*answer.groups, "all"}
    return load_policy(path, channels={"on-call"}, remediations=installed_remediations(), groups=groups)


def test_the_policy(tmp_path: Path) -> None:
    """It observes, restarts the unit that the alert names, and has an access by which hosts can be prepared."""
    policy = load(tmp_path, inventory("web", "db"))
    (trigger,) = policy.triggers
    assert trigger.mode is Mode.OBSERVE
    assert trigger.match["alertname"] == FAILED_UNIT
    assert trigger.access == "operator"
    assert {name: access.hosts for name, access in policy.access.items()} == {
        "operator": ("db", "web"),
        "preparation": ("db", "web"),
    }
    assert [credential.kind for credential in policy.access["preparation"].credentials] == ["ssh_host"]


@pytest.mark.parametrize("host", ["web1", "10.0.0.1", "no", "1e3", "web-1.example.com"])
@pytest.mark.parametrize("groups", [("all",), ("on", "no"), tuple(f"group_{number}" for number in range(60))])
def test_policies_of_odd_inventories(tmp_path: Path, groups: tuple[str, ...], host: str) -> None:
    """Names that YAML reads as something else, many groups, and none of one's own: the policy loads and names them all."""
    assert load(tmp_path, inventory(*groups, host=host)).access["operator"].hosts == tuple(sorted(groups))


@pytest.mark.parametrize(
    ("hosts", "groups"),
    [
        ({"a": {"all", "web"}, "b": {"all", "db", "web"}}, ("db", "web")),
        ({"a": {"all", "web"}, "b": {"all", "ungrouped"}}, ("web", "ungrouped")),
        ({"a": {"all", "ungrouped"}}, ("all",)),
        ({"a": {"all", "web servers"}}, ("all",)),
        ({"a": {"all", "web servers"}, "b": {"all", "db"}, "c": {"all", "ungrouped"}}, ("db", "ungrouped")),
    ],
)
def test_the_groups_of_an_inventory(hosts: dict[str, set[str]], groups: tuple[str, ...]) -> None:
    """People's own groups are taken; hosts in none are under `ungrouped`; without any it is `all`."""
    assert _groups({host: frozenset(names) for host, names in hosts.items()}) == groups


def test_the_settings(tmp_path: Path) -> None:
    """They load; what was answered stands in them, and everything else is beside them."""
    (tmp_path / "settings.yml").write_text(settings_text(PLACES, VAULT), encoding="utf-8")
    settings = load_settings(tmp_path / "settings.yml")
    assert settings.vault.url == "https://vault.example.com:8200"
    assert settings.inventory == Path("/home/ada/infra/inventory")
    assert settings.policy == tmp_path / "policy"
    assert settings.database_url == f"sqlite:///{tmp_path}/state/breakglass.db"
    assert settings.journal.directory == tmp_path / "state" / "journal"
    assert settings.sources["alertmanager"].bearer_token_files == (tmp_path / "secrets" / "alertmanager",)
    assert settings.run_directory is None


def test_what_is_only_written_when_it_is_needed(tmp_path: Path) -> None:
    """Namespace, CA and run directory stand there when there are any."""
    places = Places("[::1]:8443", "inventory", "/var/lib/breakglass", "/run/user/1000/breakglass")
    vault = VaultAnswer("https://vault.example.com", "team/a", "/etc/ssl/our ca.pem", HEALTH)
    (tmp_path / "settings.yml").write_text(settings_text(places, vault), encoding="utf-8")
    settings = load_settings(tmp_path / "settings.yml")
    assert settings.vault.namespace == "team/a"
    assert settings.vault.ca_cert == Path("/etc/ssl/our ca.pem")
    assert settings.run_directory == Path("/run/user/1000/breakglass")
    assert settings.listen == ("::1", 8443)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_stays_what_it_is(text: str) -> None:
    """A path with whatever in it is read back as it is, by our reader and by anybody's YAML."""
    written = f"key: {scalar(text)}\nother: 1\n"
    assert plain(read_yaml(written, "x")) == {"key": text, "other": "1"}
    assert yaml.load(written, yaml.BaseLoader)["key"] == text
