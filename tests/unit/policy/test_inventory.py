# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.policy.policy_material import hostile_values

from breakglass.inventory import Inventory, UnreadableInventory, parse_inventory, read_inventory

if TYPE_CHECKING:
    from pathlib import Path


def listing(**groups: object) -> str:
    return json.dumps({"_meta": {"hostvars": {}}, **groups})


def test_ansible_reads_the_inventory(tmp_path: Path) -> None:
    """Each host has its own groups, their parents and `all`, as ansible-inventory says."""
    path = tmp_path / "hosts.ini"
    path.write_text("[web]\nweb1\nweb2\n[db]\ndb1.example.com\n[site:children]\nweb\n[lonely]\n")
    inventory = read_inventory(path)
    assert inventory.hosts["web1"] == {"web", "site", "all"}
    assert inventory.hosts["db1.example.com"] == {"db", "all"}
    assert inventory.groups == {"web", "site", "db", "all"}


def test_an_inventory_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a broken one are sentences."""
    with pytest.raises(UnreadableInventory, match="There is no inventory"):
        read_inventory(tmp_path / "none")
    path = tmp_path / "hosts.yml"
    path.write_text("all: [broken\n")
    with pytest.raises(UnreadableInventory, match="ansible-inventory can't read"):
        read_inventory(path)


def test_parents_may_form_a_diamond() -> None:
    """Groups that meet again are followed once."""
    text = listing(
        all={"children": ["a", "b", "ungrouped"]},
        a={"children": ["c"]},
        b={"children": ["c"]},
        c={"hosts": ["h"], "children": ["a"]},
    )
    assert parse_inventory(text, "x") == Inventory({"h": frozenset({"a", "b", "c", "all"})})


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", listing(all={}), "[" * 100_000])
def test_no_host_is_an_error(text: str) -> None:
    """An inventory without hosts, or no JSON, is refused."""
    with pytest.raises(UnreadableInventory):
        parse_inventory(text, "x")


PATTERNS = [
    pytest.param(value, id=name) for name, value in hostile_values() if isinstance(value, str) and not value.isalnum()
]


@pytest.mark.parametrize(
    "name", [*[p for p in PATTERNS if p.id != "date look"], "all", "web", "-x", ".x", "a b", "a:1", "[::1]"]
)
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    """A host whose name is a pattern, a group, or has any unusual character never gets in."""
    with pytest.raises(UnreadableInventory):
        parse_inventory(listing(web={"hosts": ["web1", name]}), "x")


def test_how_a_host_is_reached(tmp_path: Path) -> None:
    """Of a host's variables those are kept that say how it is reached, as they are written, and no others."""
    (tmp_path / "hosts").write_text(
        "[web]\nweb1 ansible_host=10.0.0.1 ansible_port=2222 password=s3cr3t\nweb2\n[web:vars]\nansible_become=true\n"
        "[db]\ndb1\n",
        encoding="utf-8",
    )
    found = read_inventory(tmp_path / "hosts").connections

    assert found == {
        "web1": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "ansible_become": "true"},
        "web2": {"ansible_become": "true"},
    }
