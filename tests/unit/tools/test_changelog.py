# SPDX-License-Identifier: GPL-3.0-or-later
"""The changelog: fragments become release notes, and nothing that somebody wrote gets lost on the way."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

TREE = Path(__file__).parents[3]
PARTS = ("galaxy.yml", "CHANGELOG.rst", "changelogs", "plugins", "meta")


def _words(text: str) -> str:
    return re.sub(r"[\s.]+", " ", text).strip()


def test_a_release_holds_every_fragment(tmp_path: Path) -> None:
    """`make changelog` puts each entry of each fragment, and each module, into the release notes, and takes the fragments away."""
    copy = tmp_path / "ansible_collections" / "breakglass" / "remediation"
    copy.mkdir(parents=True)
    for part in PARTS:
        found = TREE / part
        (shutil.copytree if found.is_dir() else shutil.copy)(found, copy / part)
    entries = _entries(copy)
    programs = Path(sys.executable).parent
    release = [str(programs / "antsibull-changelog"), "release", "--date", "2026-01-01"]
    path = f"{programs}:/usr/bin:/bin"
    done = subprocess.run(
        release, cwd=copy, env={"PATH": path, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    notes = _words((copy / "CHANGELOG.rst").read_text(encoding="utf-8"))
    assert [entry for entry in entries if _words(entry) not in notes] == []
    assert [
        path.stem for path in (TREE / "plugins/modules").glob("[!_]*.py") if f"remediation {path.stem} - " not in notes
    ] == []
    assert not list((copy / "changelogs/fragments").glob("*.yml"))


def _entries(copy: Path) -> list[str]:
    found: list[str] = []
    for path in sorted((copy / "changelogs/fragments").glob("*.yml")):
        for section, texts in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            found += [texts] if section == "release_summary" else texts
    return found
