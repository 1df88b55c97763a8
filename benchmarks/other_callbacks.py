# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the callbacks that ours is compared with: made from requirements/bench.txt, and again when that changes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "bench.txt"
PLACE = ROOT / ".build" / "bench"
PROGRAMS = PLACE / "bin"


def make() -> None:
    """Install what is pinned, checked by hash, where it is not there yet; raises CalledProcessError."""
    stamp, wanted = PLACE / ".installed", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    print(
        "Installing the callbacks to compare with, pinned and checked by hash (about 650 MB, two minutes) …", flush=True
    )
    shutil.rmtree(PLACE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
    install = ["install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
    subprocess.run([str(PROGRAMS / "pip"), *install], check=True)
    stamp.write_text(wanted, encoding="ascii")


def plugins_of_ara() -> str:
    """The directory of ARA's callback."""
    command = [str(PROGRAMS / "python"), "-m", "ara.setup.callback_plugins"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """What is pinned of what is compared."""
    lines = REQUIREMENTS.read_text(encoding="ascii").splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line)
    return {f"compared {name}": pinned[name] for name in ("ansible", "ansible-core", "ara")}
