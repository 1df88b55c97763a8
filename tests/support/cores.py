# SPDX-License-Identifier: GPL-3.0-or-later
"""Every ansible-core that we support, each in an environment of its own.

`make cores` makes those of the oldest and the newest, which every run of CI tries; `nox` (noxfile.py) makes and tries all of them on all
Pythons of this machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import other_collections

TREE = Path(__file__).parents[2]
CORES = TREE / ".build" / "cores"
MATRIX = TREE / ".build" / "matrix"
COLLECTIONS = TREE / ".build" / "collections"
"""Where the collection lies as Galaxy installs it: this tree, by a link that `make install` lays."""


@dataclass(frozen=True)
class Core:
    """One ansible-core.

    Attributes:
        version: Its first two numbers.
        python: The Python that it runs on here.
        place: Where its environment is.
    """

    version: str
    python: str
    place: Path

    @property
    def requirements(self) -> Path:
        """What is installed, pinned and hashed."""
        return TREE / "requirements" / f"core-{self.version}.txt"

    @property
    def programs(self) -> Path:
        """Directory of its programs."""
        return self.place / "bin"

    @property
    def is_ready(self) -> bool:
        """Whether it is there, with exactly what is required now."""
        stamp = self.place / ".installed"
        return stamp.is_file() and stamp.read_text(encoding="ascii") == self._wanted()

    def find_python(self) -> str | None:
        """Its Python: on the path, or among pyenv's; None when this machine has none."""
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        among = sorted(root.glob(f"versions/{self.python}.*/bin/python{self.python}"))
        return str(among[-1]) if among else shutil.which(f"python{self.python}")

    def make(self, python: str) -> None:
        """Make its environment anew; raises CalledProcessError."""
        shutil.rmtree(self.place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(self.place)], check=True)
        install = ["install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(self.requirements)]
        subprocess.run([str(self.programs / "pip"), *install], check=True)
        (self.place / ".installed").write_text(self._wanted(), encoding="ascii")

    def ready_or_skip(self) -> None:
        """Skip the test where the environment is missing, and say so; where everything must run (CI), fail it."""
        if self.is_ready:
            return
        python = self.find_python()
        missing = f"There is no ansible-core {self.version} in {self.place}: " + (
            "run make cores." if python else f"this machine has no Python {self.python}."
        )
        if python and os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)

    def _wanted(self) -> str:
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()


OLDEST_AND_NEWEST = tuple(
    Core(version, python, CORES / version) for version, python in (("2.16", "3.10"), ("2.21", "3.13"), ("2.22", "3.13"))
)
PYTHONS = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
    "2.22": ("3.13", "3.14", "3.15"),
}
"""What each runs on as a controller, as Ansible's own support matrix says."""
EVERY = tuple(
    Core(version, python, MATRIX / f"{version}-{python}") for version, pythons in PYTHONS.items() for python in pythons
)
CHOSEN = os.environ.get("BREAKGLASS_CORE", "")
"""One of all, as `2.17-3.12`, instead of the oldest and the newest."""
ALL = tuple(core for core in EVERY if core.place.name == CHOSEN) if CHOSEN else OLDEST_AND_NEWEST


def main() -> None:
    """Make what is not there or not up to date, and say what can't be made."""
    for core in ALL:
        python = core.find_python()
        if core.is_ready:
            print(f"ansible-core {core.version}: ready")
        elif python is None:
            print(f"ansible-core {core.version}: left out, this machine has no Python {core.python}", file=sys.stderr)
        else:
            print(f"ansible-core {core.version}: installing …")
            core.make(python)
    other_collections.fetch()
    print("community.hashi_vault, awx.awx: ready")


if __name__ == "__main__":
    main()
