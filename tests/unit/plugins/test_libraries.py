# SPDX-License-Identifier: GPL-3.0-or-later
"""Libraries of others that ansible-core's Python may lack: everything can be imported without them, and one sentence says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils import _libraries

PLUGINS = Path(_libraries.__file__).parents[1]
EVERY_FILE = sorted(path.relative_to(PLUGINS) for path in PLUGINS.rglob("*.py"))
IMPORT = """
import importlib, sys
for name in ("cryptography", "hvac", "requests", "rfc8785", "urllib3", "psycopg"):
    sys.modules[name] = None
for name in sys.argv[1:]:
    importlib.import_module("ansible_collections.breakglass.remediation.plugins." + name)
"""
PLAY = "- {name: A test, hosts: localhost, gather_facts: false, tasks: [{ansible.builtin.file: {path: CANARY, state: touch}}]}"
UNRECORDABLE = 97


def test_every_plugin_can_be_imported_without_them() -> None:
    """So `ansible-doc` and `ansible-test` work, and a callback that could not be loaded never lets a run go on unrecorded."""
    names = [".".join(path.with_suffix("").parts) for path in EVERY_FILE]
    done = subprocess.run([sys.executable, "-c", IMPORT, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", ["cryptography", "hvac", "requests", "rfc8785"])
def test_a_run_without_one_of_them_ends_before_its_first_task(library: str, tmp_path: Path) -> None:
    """The callback says which is missing and how to install it, and nothing is done."""
    broken, canary, play = tmp_path / f"{library}.py", tmp_path / "canary", tmp_path / "play.yml"
    broken.write_text(f"raise ImportError('no {library} here')", encoding="utf-8")
    play.write_text(PLAY.replace("CANARY", str(canary)), encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
        "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
        "BREAKGLASS_JOURNAL": str(tmp_path / "journal"),
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", str(play)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == UNRECORDABLE, done.stdout + done.stderr
    assert f"no {library} here" in done.stderr
    assert "-m pip install -r" in done.stderr
    assert _libraries.REQUIREMENTS.is_file()
    assert not canary.exists()
    assert not (tmp_path / "journal").exists()
