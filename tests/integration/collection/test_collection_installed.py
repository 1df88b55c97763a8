# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others install it: from its Galaxy tarball alone, and under the `ansible` command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import GRANT, PROVEN, REFUSED, OperatorRun, play

if TYPE_CHECKING:
    from tests.support.site import Site

CHECKOUT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
WHO_AM_I = """
    - name: Obtain a certificate
      breakglass.remediation.ssh_certificate: {hosts: [web1]}
    - name: Look it up
      ansible.builtin.debug: {msg: "{{ lookup('breakglass.remediation.credential', 'ssh') }}"}
    - name: Look at the environment
      ansible.builtin.command: env
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path with nothing but what the Galaxy tarball of this tree holds."""
    directory = tmp_path_factory.mktemp("galaxy")
    program = str(BIN / "ansible-galaxy")
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8"}
    for words in (
        ["build", str(CHECKOUT), "--output-path", str(directory)],
        ["install", "--offline", "--force", "-p", str(directory / "collections")],
    ):
        tarball = [str(path) for path in directory.glob("*.tar.gz")]
        command = [program, "collection", *words, *tarball]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return directory / "collections"


def test_the_tarball_holds_the_collection_and_nothing_of_the_runner(installed: Path) -> None:
    """What goes to Galaxy is meta, plugins, roles, playbooks, extensions and the readme: no runner, no tests, no caches."""
    root = installed / "ansible_collections/breakglass/remediation"
    names = {path.name for path in root.iterdir()}
    assert {"meta", "plugins", "roles", "playbooks", "README.md", "MANIFEST.json", "FILES.json"} <= names
    assert not names & {"src", "benchmarks", "demo", "deploy", "docs", "Makefile", "pyproject.toml", "requirements"}
    assert [path.name for path in (root / "tests").iterdir()] == ["config.yml"]  # tells ansible-test which Pythons
    assert [name for name in names if name.startswith(".")] == [".ansible-lint"]
    assert not list(root.rglob("*.pyc"))


def test_the_tarball_alone_opens_certifies_and_closes(site: Site, installed: Path) -> None:
    """Action, callback, lookup and guard come from the installed copy, whatever else Python could import."""
    root = installed / "ansible_collections/breakglass/remediation"
    marker = root / "plugins/plugin_utils/_run/directory.py"
    marker.write_text(
        marker.read_text(encoding="utf-8").replace("BREAKGLASS_RUN_MARK", "BREAKGLASS_RUN_COPY"), encoding="utf-8"
    )
    with OperatorRun(site) as run:
        run.playbook(play(GRANT + WHO_AM_I), "-v", ANSIBLE_COLLECTIONS_PATH=str(installed))
        assert run.code == 0, run.text
        assert "BREAKGLASS_RUN_COPY=" in run.text
        assert "BREAKGLASS_RUN_MARK=" not in run.text
        assert run.last_line.startswith(PROVEN)
        assert run.verified().exit_code == 0
        run.assert_nothing_left()


def test_an_ad_hoc_command_is_not_recorded_and_opens_nothing(site: Site) -> None:
    """Ansible loads no callbacks for `ansible`: it works as ever, and `grant` says which setting is missing."""
    with OperatorRun(site) as run:
        assert run.adhoc("-m", "ansible.builtin.ping").code == 0, run.text
        assert run.adhoc("-m", "breakglass.remediation.grant", "-a", "access=web-operator reason=test").code == REFUSED
        assert "bin_ansible_callbacks = true" in run.text
        assert not run.journal.exists()
        run.assert_nothing_left()


def test_an_ad_hoc_command_with_callbacks_is_recorded_and_closed(site: Site) -> None:
    """With callbacks loaded, one task is a run like any other."""
    with OperatorRun(site) as run:
        words = ("-m", "breakglass.remediation.grant", "-a", "access=web-operator reason=test")
        run.adhoc(*words, ANSIBLE_LOAD_CALLBACK_PLUGINS="true")
        assert run.code == 0, run.text
        assert run.last_line == PROVEN
        assert run.kinds()[-2:] == ["run.ended", "grant.revoked"]
        assert run.verified().exit_code == 0
        run.assert_nothing_left()
