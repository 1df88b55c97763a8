# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to the login methods says what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import CONNECTION
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import login
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import known_methods

GUIDE = (Path(__file__).parents[4] / "docs" / "guides" / "login-methods.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_every_method_has_its_part() -> None:
    """Each login method stands in a headline."""
    named = {name for line in GUIDE.splitlines() if line.startswith("## ") for name in line[3:].split(", ")}
    assert set(known_methods()) <= named


def test_the_examples_have_real_options() -> None:
    """Every option of every example is one of the modules, and every method that is named exists."""
    for block in _blocks("yaml"):
        example = yaml.safe_load(block)
        example = example.get("module_defaults", {}).get("group/breakglass.remediation.vault", example)
        assert example.keys() <= CONNECTION.keys()
        assert example["auth_method"] in known_methods()


def test_the_method_of_ones_own_works(tmp_path: Path) -> None:
    """The guide's example, put into a copy of the collection, is chosen by its file's name and hides its password."""
    copied = tmp_path / "plugin_utils"
    shutil.copytree(Path(login.__file__).parents[2], copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "_vault" / "login" / "radius.py").write_text(_blocks("python")[0], encoding="utf-8")
    program = (
        "from plugin_utils._vault.login import login_method as method\n"
        "print(method({'auth_method': 'radius', 'password': 'canary'}, {}))"
    )
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("RadiusLogin(mount_point='radius')\n", "")
