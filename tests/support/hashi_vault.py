# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection community.hashi_vault, which many who come to ours have already: as the package `ansible` carries it.

`make cores` fetches it: the package that `make bench` is locked to, checked by its hash, and of that one collection.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
COLLECTIONS = TREE / ".build" / "hashi_vault"
"""Where it lies, as a path for ANSIBLE_COLLECTIONS_PATH."""
COLLECTION = COLLECTIONS / "ansible_collections" / "community" / "hashi_vault"
LOCKED = re.compile(r"^ansible==.*(?:\n    --hash.*)+", re.MULTILINE)


def fetch() -> None:
    """Fetch it where it is not there; raises CalledProcessError."""
    if (COLLECTION / "MANIFEST.json").is_file():
        return
    (lock,) = LOCKED.findall((TREE / "requirements" / "bench.txt").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="breakglass-") as scratch:
        only = Path(scratch, "only.txt")
        only.write_text(lock + "\n", encoding="ascii")
        words = ["download", "-q", "--no-deps", "--require-hashes", "-d", scratch, "-r", str(only)]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        _unpack(wheel, Path(scratch, "unpacked"))
        shutil.rmtree(COLLECTION, ignore_errors=True)
        shutil.copytree(Path(scratch, "unpacked", "ansible_collections", "community", "hashi_vault"), COLLECTION)


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        ours = [name for name in archive.namelist() if name.startswith("ansible_collections/community/hashi_vault/")]
        archive.extractall(target, ours)


def ready_or_skip() -> None:
    """Skip the test where it is missing, and say so; where everything must run (CI), fail it."""
    if (COLLECTION / "MANIFEST.json").is_file():
        return
    missing = f"There is no community.hashi_vault in {COLLECTIONS}: run make cores."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
