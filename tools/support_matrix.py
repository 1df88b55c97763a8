# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sessions of noxfile.py have tried, recorded as they ran, and the table of it: docs/reference/support.md.

python -m tools.support_matrix      writes the table from docs/reference/support.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

    import nox

TREE: Final = Path(__file__).parents[1]
RECORD: Final = TREE / "docs" / "reference" / "support.json"
PAGE: Final = TREE / "docs" / "reference" / "support.md"
REPORTS: Final = TREE / ".build" / "matrix-reports"
LIBRARIES: Final = ("ansible-core", "hvac", "cryptography", "rfc8785")
ASK: Final = """
import json, platform, sys
from importlib.metadata import version
print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
"""
HEAD: Final = """# What it runs on

`nox` wrote this page from what it ran (`noxfile.py`, `tools/support_matrix.py`); nobody edits it. `make full` tries the oldest and the newest
ansible-core before every release.

- **unit**: the collection's unit tests, run by that Python with that ansible-core, without the runner being installed.
- **repair**: that ansible-core with the collection alone: every plugin loads and is documented, every playbook finds what it imports, a
  service is repaired over SSH under a grant of a real OpenBao, a run with every kind of credential and a killed one are proven closed.

Each row says what the tree of that hour passed. Where rows count different numbers of tests, the one with fewer ran before the others were written.

| ansible-core | Python | unit | repair | hvac | cryptography | on |
|---|---|---|---|---|---|---|
"""
LOWEST_HEAD: Final = """
## The lowest versions

`requirements/lowest.txt` holds the lowest version of each direct dependency that `pyproject.toml` allows, with what these need at its newest, on Python
{python}: the runner's and the collection's unit tests passed on them, without three files that are about tools of development (`noxfile.py`; {unit}), and so did the main job and the repair on real parts ({repair}), on {date}.
"""
NOT_TRIED: Final = {
    "Supported by Ansible, but the machine that this ran on has no such Python": False,
    "Not run this time, and so not known (`nox -s collection` runs all of them)": True,
}


class Lowest:
    """The environment of the lowest versions that we say are enough."""

    place: Final = TREE / ".build" / "matrix" / "lowest"
    locks: Final = tuple(TREE / "requirements" / name for name in ("lowest.txt", "lowest-tests.txt"))

    def make(self) -> Path:
        """Make it where it is not there or not up to date; returns the directory of its programs, raises CalledProcessError."""
        stamp, programs = self.place / ".installed", self.place / "bin"
        wanted = hashlib.sha256(b"".join(path.read_bytes() for path in self.locks)).hexdigest()
        if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
            return programs
        shutil.rmtree(self.place, ignore_errors=True)
        subprocess.run(["python3.11", "-m", "venv", str(self.place)], check=True)
        for lock in self.locks:
            subprocess.run([str(programs / "pip"), "install", "-q", "--require-hashes", "-r", str(lock)], check=True)
        (site,) = self.place.glob("lib/python3*/site-packages")
        (site / "breakglass-develop.pth").write_text(
            f"{TREE / 'src'}\n{TREE / '.build/collections'}\n", encoding="utf-8"
        )
        stamp.write_text(wanted, encoding="ascii")
        return programs


LOWEST: Final = Lowest()


class Trial:
    """One environment that is tried, and what came of it.

    Attributes:
        name: What it is called in the record, for example `2.17-3.12`.
        programs: The directory of its programs.
    """

    def __init__(self, name: str, programs: Path) -> None:
        self.name, self.programs = name, programs
        self._passed: dict[str, str] = {}

    def run(
        self, session: nox.Session, kind: str, python: Path, *words: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Run pytest, which must be green, and count what passed."""
        report = REPORTS / f"{self.name}-{kind}.xml"
        places = {"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        command = [
            str(python),
            "-m",
            "pytest",
            "-q",
            f"--junitxml={report}",
            "-o",
            f"cache_dir=.build/tests-{self.name}",
        ]
        session.run(*command, *words, env=places, external=True)
        self._passed[kind] = counted(report)

    def record(self) -> None:
        """Add it to the record, in place of what was known of it."""
        asked = [str(self.programs / "python"), "-c", ASK, *LIBRARIES]
        versions = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
        known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
        known[self.name] = {**versions, **self._passed, "date": datetime.now(UTC).date().isoformat()}
        RECORD.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def counted(report: Path) -> str:
    """What a report of pytest says, for example `12 passed, 1 skipped`; raises ValueError where not all is well."""
    suite = ET.parse(report).getroot()[0].attrib  # noqa: S314 (a file that pytest has just written here)
    tests, skipped, failed = int(suite["tests"]), int(suite["skipped"]), int(suite["failures"]) + int(suite["errors"])
    if failed or tests == skipped:
        raise ValueError(f"{report} is no success: {tests} tests, {failed} failed, {skipped} skipped.")
    return f"{tests - skipped} passed" + (f", {skipped} skipped" if skipped else "")


def page(record: Mapping[str, Mapping[str, str]], untried: Mapping[str, bool]) -> str:
    """The table as Markdown, from the oldest ansible-core to the newest; `untried` says of each other one whether its Python is here."""
    rows = [
        f"| {one['ansible-core']} | {one['python']} | {one['unit']} | {one['repair']} | {one['hvac']} | {one['cryptography']} | {one['date']} |\n"
        for name, one in sorted(record.items(), key=lambda item: _order(item[0]))
        if name != "lowest"
    ]
    text = HEAD + "".join(rows)
    if lowest := record.get("lowest"):
        text += LOWEST_HEAD.format_map(lowest)
    for words, has_python in NOT_TRIED.items():
        names = [name for name, here in untried.items() if here is has_python]
        text += f"\n{words}: {', '.join(names)}.\n" if names else ""
    return text


def _order(name: str) -> list[int]:
    return [int(number) for number in name.replace("-", ".").split(".")] if name != "lowest" else []


def main() -> None:
    """Write the page; what Ansible supports and was not tried is named in it."""
    from tests.support.cores import EVERY  # noqa: PLC0415 (a test's module, which a library of ours must not need)

    record = json.loads(RECORD.read_text(encoding="utf-8"))
    others = [core for core in EVERY if core.place.name not in record]
    untried = {f"{core.version} on {core.python}": core.find_python() is not None for core in others}
    PAGE.write_text(page(record, untried), encoding="utf-8")


if __name__ == "__main__":
    main()
