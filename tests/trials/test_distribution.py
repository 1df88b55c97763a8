# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published: the same bytes from every build, complete, and working as a wheel, as a tarball, and with both side by side."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.integration.collection.operator_run import GRANT, PROVEN, OperatorRun, play
from tests.support import other_collections, published
from tests.support.command_blocks import blocks
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.timeout(480)
ENVIRONMENT = "    - name: Look at the environment\n      ansible.builtin.command: env\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Tarball and wheel of this tree."""
    return published.built(tmp_path_factory.mktemp("built"))


def test_another_build_of_the_same_commit_has_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    """From a copy that was laid down in another order, elsewhere, later, and with another umask."""
    copy = tmp_path / "copy"
    shutil.copytree(TREE, copy, ignore=shutil.ignore_patterns(".venv", ".build", "dist", "__pycache__", ".*_cache"))
    for number, path in enumerate(sorted(copy.rglob("*.py"), reverse=True)):
        os.utime(path, (1_000_000_000 + number,) * 2)
    (copy / "plugins" / "untracked.py").write_text("# not of git\n", encoding="utf-8")
    again = published.built(tmp_path / "again", copy, 0o077)
    assert [path.name for path in again] == [path.name for path in built]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in built]


def test_the_tarball_is_what_its_manifest_says(built: tuple[Path, Path]) -> None:
    """Galaxy and `ansible-galaxy collection verify` compare these digests."""
    with tarfile.open(built[0]) as archive:
        files = {one.name: archive.extractfile(one).read() for one in archive.getmembers() if one.isfile()}  # type: ignore[union-attr]
    manifest, listed = json.loads(files["MANIFEST.json"]), json.loads(files["FILES.json"])
    assert manifest["file_manifest_file"]["chksum_sha256"] == hashlib.sha256(files["FILES.json"]).hexdigest()
    said = {one["name"]: one["chksum_sha256"] for one in listed["files"] if one["ftype"] == "file"}
    assert said == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name not in {"MANIFEST.json", "FILES.json"}
    }


def test_wheel_and_tarball_hold_the_same_collection(built: tuple[Path, Path]) -> None:
    """Every plugin, role, playbook and extension is in both, the same."""
    with tarfile.open(built[0]) as archive:
        galaxy = {one.name: archive.extractfile(one).read() for one in archive.getmembers() if one.isfile()}  # type: ignore[union-attr]
    start = "ansible_collections/breakglass/remediation/"
    with zipfile.ZipFile(built[1]) as archive:
        wheel = {name.removeprefix(start): archive.read(name) for name in archive.namelist() if name.startswith(start)}
    rooms = ("meta/", "plugins/", "roles/", "playbooks/", "extensions/")
    assert {n: c for n, c in galaxy.items() if n.startswith(rooms)} == {
        n: c for n, c in wheel.items() if n.startswith(rooms)
    }


def test_the_first_command_of_a_stranger_installs_it(built: tuple[Path, Path], tmp_path: Path) -> None:
    """What first-alert.md begins with, by a real pipx, as if the wheel were published: our command, and Ansible with our collection.

    The versions of other packages are those of our lock.
    """
    if shutil.which("pipx") is None:
        missing = "pipx is not here: make packages installs it."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    (command,) = next(one.commands for one in blocks() if one.page == "docs/guides/first-alert.md")
    pinned = published.constraints(TREE / "requirements.txt", tmp_path / "constraints.txt")
    links = f"{built[1].parent} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIPX_", "XDG_", "ANSIBLE_"))},
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}/.local/bin:/usr/bin:/bin",
        "PIP_FIND_LINKS": links,
        "PIP_CONSTRAINT": str(pinned),
    }
    for line, said in (
        (command, "installed package breakglass-remediation"),
        ("breakglass --help", "breakglass"),
        ("ansible-doc breakglass.remediation.grant", "BREAKGLASS.REMEDIATION.GRANT"),
        ("ansible-playbook breakglass.remediation.prepare_hosts -i localhost, --syntax-check", "prepare_hosts"),
    ):
        done = subprocess.run(
            ["sh", "-c", line], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
        )
        assert (done.returncode, said.lower() in done.stdout.lower()) == (0, True), done.stdout + done.stderr


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A Vault and a host."""
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def places(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where the tarball, which gets a mark of its own, and where the wheel is installed."""
    galaxy, wheel = tmp_path_factory.mktemp("galaxy"), tmp_path_factory.mktemp("wheel")
    environment = {"PATH": f"{BIN}:{os.defpath}", "HOME": str(galaxy), "LANG": "C.UTF-8"}
    for command in (
        [
            str(BIN / "ansible-galaxy"),
            "collection",
            "install",
            "--offline",
            "--force",
            "-p",
            str(galaxy),
            str(built[0]),
        ],
        [str(BIN / "pip"), "install", "-q", "--no-deps", "--no-index", "--target", str(wheel), str(built[1])],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    marker = galaxy / "ansible_collections/breakglass/remediation/plugins/plugin_utils/_run/directory.py"
    marker.write_text(
        marker.read_text(encoding="utf-8").replace("BREAKGLASS_RUN_MARK", "BREAKGLASS_RUN_COPY"), encoding="utf-8"
    )
    return galaxy, wheel


@pytest.mark.parametrize("used", [[0], [1], [0, 1], [1, 0]], ids=["tarball", "wheel", "tarball first", "wheel first"])
def test_each_way_to_install_it_opens_and_closes(site: Site, places: tuple[Path, Path], used: list[int]) -> None:
    """A grant is opened and proven gone by the copy that stands first, whether another one is there or not."""
    paths = ":".join(str(places[number]) for number in used)
    with OperatorRun(site) as run:
        run.playbook(
            play(GRANT + ENVIRONMENT),
            "-v",
            ANSIBLE_COLLECTIONS_PATH=paths,
            PYTHONPATH=str(places[1]) if 1 in used else "",
        )
        assert run.code == 0, run.text
        assert run.last_line.startswith(PROVEN)
        assert ("BREAKGLASS_RUN_COPY=" in run.text) is (used[0] == 0), run.text
        assert run.verified().exit_code == 0
        run.assert_nothing_left()


BESIDE = """
    - name: Put a secret where the other collection reads it
      community.hashi_vault.vault_write: {path: theirs/data/beside, data: {data: {word: open sesame}}}
    - name: Read it by the other collection, whose connection is the same environment
      ansible.builtin.set_fact:
        told: "{{ lookup('community.hashi_vault.vault_kv2_get', 'beside', engine_mount_point='theirs').secret.word }}"
    - name: Hold a certificate of ours at the same time
      breakglass.remediation.ssh_certificate: {hosts: [web1]}
    - name: Both were there
      ansible.builtin.assert:
        that: [told == 'open sesame', "lookup('breakglass.remediation.credential', 'ssh') is file"]
"""


def test_it_works_beside_hashi_vault(site: Site, places: tuple[Path, Path]) -> None:
    """In one run, with one VAULT_ADDR, community.hashi_vault reads a secret while our grant is open, and our grant is proven gone."""
    other_collections.ready_or_skip()
    paths = f"{places[0]}:{other_collections.COLLECTIONS}"
    admin = Client(Connection(url=site.vault.url), site.vault.root_token)
    admin.post("sys/mounts/theirs", {"type": "kv", "options": {"version": "2"}})
    with OperatorRun(site) as run:
        run.playbook(play(GRANT + BESIDE), ANSIBLE_COLLECTIONS_PATH=paths)
        assert run.code == 0, run.text
        assert run.last_line.startswith(PROVEN)
        assert run.verified().exit_code == 0
        run.assert_nothing_left()


def test_the_bill_of_materials_names_what_is_locked(tmp_path: Path) -> None:
    """CycloneDX, every package of the lock with its version and hashes, the same bytes twice."""
    subprocess.run(["make", "-s", ".build/publish/.installed"], cwd=TREE, check=True, capture_output=True, timeout=240)
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    for path in (first, second):
        command = [str(TREE / ".build/publish/bin/python"), "tools/sbom.py", str(path)]
        subprocess.run(command, cwd=TREE, check=True, capture_output=True, timeout=120)
    assert first.read_bytes() == second.read_bytes()
    bom = json.loads(first.read_text(encoding="utf-8"))
    lines = [line for line in (TREE / "requirements.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    assert {f"{one['name']}=={one['version']}" for one in bom["components"]} == {line.split(" ")[0] for line in lines}
    assert all(one["hashes"] for one in bom["components"])
