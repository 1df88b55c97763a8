# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass remediation new`: what it makes works as made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from breakglass.effects.runs import COLLECTIONS

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent


def run(*words: str | Path, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, words)],
        cwd=where,
        env={
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(where),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of collections, and in it a new remediation of a new collection."""
    place = tmp_path_factory.mktemp("new")
    made = run(
        *(sys.executable, "-m", "breakglass.cli.main", "remediation", "new", "clear_queue"),
        *("--into", "ansible_collections/shop/repairs", "--hosts", "web", "--escalation", "on-call"),
        where=place,
    )
    assert made.returncode == 0, made.stderr
    assert "as shop.repairs.clear_queue" in made.stdout
    return place


@pytest.fixture(scope="module")
def collection(place: Path) -> Path:
    return place / "ansible_collections" / "shop" / "repairs"


@pytest.mark.timeout(300)
def test_it_passes_ansible_lint(collection: Path) -> None:
    """With the production profile, and without a warning."""
    linted = run(
        *(PROGRAMS / "ansible-lint", "--offline", "--strict", "--profile", "production", "-q", "--nocolor", "."),
        where=collection,
    )
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout + linted.stderr


@pytest.mark.timeout(300)
def test_it_passes_its_own_test(collection: Path) -> None:
    """Repair, second run, check mode, undo and refusals, by a real ansible-playbook."""
    tested = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", where=collection)
    assert tested.returncode == 0, tested.stdout
    assert "skipped" not in tested.stdout


def test_its_policy_entry_passes_the_check(place: Path, collection: Path) -> None:
    """As a file of the policy's directory, with settings that say where the collection is."""
    (place / "inventory").write_text("[web]\nweb1\n")
    settings = {
        "listen": "127.0.0.1:0",
        "policy": str(collection / "policy"),
        "inventory": "inventory",
        "database_url": "sqlite:///breakglass.db",
        "journal": {"directory": "journal"},
        "vault": {
            "url": "https://vault.example.com:8200",
            "auth_method": "approle",
            "role_id_file": "role_id",
            "secret_id_file": "secret_id",
        },
        "sources": {"alertmanager": {"kind": "alertmanager", "bearer_token_files": ["token"]}},
        "channels": {"on-call": {"url_file": "on-call"}},
        "collections": [str(place)],
    }
    (place / "settings.yml").write_text(yaml.safe_dump(settings))
    command = (
        sys.executable,
        "-m",
        "breakglass.cli.main",
        "policy",
        "check",
        collection / "policy",
        "--settings",
        "settings.yml",
    )
    checked = run(*command, where=place)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.startswith("OK  1 trigger, 1 access, digest ")
    (place / "settings.yml").write_text(yaml.safe_dump({**settings, "collections": []}))
    unknown = run(*command, where=place)
    assert unknown.returncode == 1
    assert "There is no role shop.repairs.clear_queue on the collection path." in unknown.stdout


def test_it_overwrites_nothing(place: Path, collection: Path) -> None:
    """A second time it says what is in its way; in another collection than that of the directory it makes nothing."""
    command = (sys.executable, "-m", "breakglass.cli.main", "remediation", "new")
    again = run(*command, "clear_queue", "--into", collection, where=place)
    assert again.returncode == 1
    assert "is there already, so nothing was made" in again.stderr
    other = run(*command, "fill_queue", "--into", collection, "--collection", "a.b", where=place)
    assert other.returncode == 1
    assert "is the collection shop.repairs, not a.b" in other.stderr
