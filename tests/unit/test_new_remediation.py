# SPDX-License-Identifier: GPL-3.0-or-later
"""What `breakglass remediation new` makes, and what it refuses to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.new_remediation import New, UnmakableRemediation, collection_of, make, texts_of

if TYPE_CHECKING:
    from pathlib import Path

NEW = New("clear_queue", "shop.repairs", "web", "on-call")
OF_A_ROLE = {
    "policy/clear_queue.yml",
    "roles/clear_queue/README.md",
    "roles/clear_queue/defaults/main.yml",
    "roles/clear_queue/meta/argument_specs.yml",
    "roles/clear_queue/meta/remediation.yml",
    "roles/clear_queue/tasks/main.yml",
    "roles/clear_queue/tasks/repair.yml",
    "roles/clear_queue/vars/main.yml",
    "tests/test_clear_queue.py",
}
OF_A_COLLECTION = {"CHANGELOG.md", "README.md", "galaxy.yml", "meta/runtime.yml"}


def test_a_new_remediation_bears_its_own_name_everywhere() -> None:
    """No word of the skeleton is left, and the collection comes with it only where there is none."""
    whole = texts_of(NEW, with_collection=True)
    assert whole.keys() == OF_A_ROLE | OF_A_COLLECTION
    assert texts_of(NEW, with_collection=False).keys() == OF_A_ROLE
    for path, text in whole.items():
        for word in ("keleton", "acme", "some-hosts", "some-people"):
            assert word not in text, path
    galaxy = yaml.safe_load(whole["galaxy.yml"])
    assert (galaxy["namespace"], galaxy["name"]) == ("shop", "repairs")
    policy = yaml.safe_load(whole["policy/clear_queue.yml"])
    (trigger,) = policy["triggers"]
    assert trigger["remediation"] == "shop.repairs.clear_queue"
    assert (trigger["mode"], trigger["escalation"], trigger["match"]) == (
        *("observe", "on-call"),
        {"alertname": "ClearQueueNeeded"},
    )
    assert policy["access"]["clear_queue"]["hosts"] == ["web"]


@pytest.mark.parametrize(
    "name", ["", "queue", "Clear_queue", "clear-queue", "../clear_queue", "clear_queue/x", "a_" + "b" * 60]
)
def test_a_bad_name_makes_nothing(tmp_path: Path, name: str) -> None:
    """A verb and a noun, and never a path."""
    with pytest.raises(UnmakableRemediation, match="no name for a remediation"):
        make(New(name, "shop.repairs", "web", "on-call"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("collection", "hosts", "escalation"),
    [("", "web", "x"), ("shop", "web", "x"), ("shop.repairs.x", "web", "x"), ("a.b", "we b", "x"), ("a.b", "web", "x: {}")],
)  # fmt: skip
def test_bad_names_around_it_make_nothing(tmp_path: Path, collection: str, hosts: str, escalation: str) -> None:
    """They would be YAML of somebody else's making."""
    with pytest.raises(UnmakableRemediation):
        make(New("clear_queue", collection, hosts, escalation), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a role nor what a collection has already."""
    (tmp_path / "README.md").write_text("mine")
    made = make(NEW, tmp_path)
    assert tmp_path / "README.md" not in made
    assert (tmp_path / "README.md").read_text() == "mine"
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UnmakableRemediation, match="is there already"):
        make(NEW, tmp_path)
    (tmp_path / "roles" / "drain_queue").mkdir()
    with pytest.raises(UnmakableRemediation, match="is there already"):
        make(New("drain_queue", "shop.repairs", "web", "on-call"), tmp_path)
    assert before == {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(make(New("fill_queue", "shop.repairs", "web", "on-call"), tmp_path)) == len(OF_A_ROLE)


def test_a_collection_is_known_by_its_file_or_its_place(tmp_path: Path) -> None:
    """A file that names none is refused instead of guessed around."""
    assert collection_of(tmp_path) == ""
    placed = tmp_path / "ansible_collections" / "shop" / "repairs"
    placed.mkdir(parents=True)
    assert collection_of(placed) == "shop.repairs"
    (tmp_path / "galaxy.yml").write_text("namespace: a\nname: b\n")
    assert collection_of(tmp_path) == "a.b"
    (tmp_path / "galaxy.yml").write_text("- a list\n")
    with pytest.raises(UnmakableRemediation, match="does not name a collection"):
        collection_of(tmp_path)
