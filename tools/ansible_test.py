# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test units` or `ansible-test integration` on the collection, with nothing from the network.

python tools/ansible_test.py units [tests/unit/plugins/journal/]
python tools/ansible_test.py integration [grant]

`ansible-test` wants a collection at `ansible_collections/NAMESPACE/NAME` in a work tree of git. So what git tracks of the collection
and of its tests is laid down there, below `.build/ansible-test`, without the runner. Libraries are those of the Python that runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from distribution import copy_tracked

TREE: Final = Path(__file__).resolve().parents[1]
GROUND: Final = TREE / ".build" / "ansible-test"
COLLECTION: Final = GROUND / "ansible_collections" / "breakglass" / "remediation"
ROOMS: Final = (
    *("extensions", "meta", "playbooks", "plugins", "roles", "galaxy.yml", "README.md", "tests/config.yml"),
    *("tests/support", "tests/unit/conftest.py", "tests/unit/plugins", "tests/integration/targets"),
    *("docs", "tools/verify_journal.py"),
)
"""What is laid down: the collection, the tests of it that need no runner, and what these compare it with."""
WORKERS: Final = "2"


def lay_down() -> None:
    """Copy the rooms into a fresh work tree of git; raises CalledProcessError."""
    shutil.rmtree(GROUND, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="breakglass-") as scratch:
        copy_tracked(TREE, Path(scratch))
        for room in ROOMS:
            (COLLECTION / room).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(scratch, room), COLLECTION / room)
    subprocess.run(["git", "init", "-q", str(COLLECTION)], check=True)


def command(programs: Path, kind: str, arguments: list[str]) -> list[str]:
    """What is called: on this Python, and without ansible-test's installing anything."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    words = [str(programs / "ansible-test"), kind, "--local", "--python", python, "--color", "no"]
    return [*words, *(["--num-workers", WORKERS] if kind == "units" else []), *arguments]


def main(kind: str, arguments: list[str]) -> int:
    """Run the tests of that kind; return ansible-test's code."""
    programs = Path(sys.executable).parent
    lay_down()
    home = GROUND / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    called = command(programs, kind, arguments)
    return subprocess.run(called, cwd=COLLECTION, env=environment, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:2] not in (["units"], ["integration"]):
        sys.exit(f"Say units or integration, then what ansible-test takes:\n\n{__doc__}")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
