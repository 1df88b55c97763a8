# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` on what goes to Galaxy, without a network of Ansible's own and without containers.

`ansible-test` wants a collection at `ansible_collections/NAMESPACE/NAME` in a work tree of git, and looks at every file in it. So
it gets the tarball, unpacked below `.build/sanity`. What it would download there first, a script that installs pip, is stood
in for by the `ensurepip` that each Python brings.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from distribution import build

TREE = Path(__file__).resolve().parents[1]
GROUND = TREE / ".build" / "sanity"
COLLECTION = GROUND / "ansible_collections" / "breakglass" / "remediation"
INSTALL_PIP = "import ensurepip\n\nensurepip.bootstrap()\n"


def lay_down() -> None:
    """Unpack what this tree's tarball holds into a fresh work tree; raises CalledProcessError."""
    shutil.rmtree(GROUND / "ansible_collections", ignore_errors=True)
    COLLECTION.mkdir(parents=True)
    (tarball, _wheel) = build(TREE, GROUND / "built")
    with tarfile.open(tarball) as archive:
        archive.extractall(COLLECTION, filter="data")
    subprocess.run(["git", "init", "-q", str(COLLECTION)], check=True)
    (COLLECTION / ".git" / "info" / "exclude").write_text("tests/output/\n", encoding="ascii")


def stand_in_for_pip(programs: Path) -> None:
    """Put `ensurepip` where ansible-test keeps the script that it would download, under each name that it asks for."""
    cache = GROUND / "home" / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    find = "import ansible_test._internal.python_requirements as it; print(it.__file__)"
    asked = subprocess.run(
        [str(programs / "python"), "-c", find], check=True, capture_output=True, text=True
    ).stdout.strip()
    for version in re.findall(r"'(\d+\.\d+(?:\.\d+)?)'", Path(asked).read_text(encoding="utf-8")):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(INSTALL_PIP, encoding="ascii")


def search_path(programs: Path) -> str:
    """Where programs are looked for: a core's own, the system's, and every Python of pyenv's instead of its stand-ins for all of them."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    system = [word for word in os.environ["PATH"].split(":") if word != str(root / "shims")]
    return ":".join([str(programs), *system, *map(str, sorted(root.glob("versions/3.*/bin")))])


def main(programs: Path, arguments: list[str]) -> int:
    """Run the tests of the ansible-core whose programs these are; return its code."""
    lay_down()
    stand_in_for_pip(programs)
    command = [str(programs / "ansible-test"), "sanity", "--local", "--color", "no", *arguments]
    environment = {
        **os.environ,
        "HOME": str(GROUND / "home"),
        "PATH": search_path(programs),
        "PYTHONWARNINGS": "ignore",  # of ansible-test's own
    }
    return subprocess.run(command, cwd=COLLECTION, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.executable).parent, sys.argv[1:]))
