# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections of others that ours meets: community.hashi_vault, which many have already, and awx.awx, which makes AWX's objects.

`make cores` fetches them as the package `ansible` carries them: the one that `make bench` is locked to, checked by its hash, and
of that these two collections.
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
COLLECTIONS = TREE / ".build" / "other-collections"
"""Where they lie, as a path for ANSIBLE_COLLECTIONS_PATH."""
WANTED = ("community/hashi_vault", "awx/awx")
LOCKED = re.compile(r"^ansible==.*(?:\n    --hash.*)+", re.MULTILINE)


def fetch() -> None:
    """Fetch them where they are not all there; raises CalledProcessError."""
    if not _missing():
        return
    (lock,) = LOCKED.findall((TREE / "requirements" / "bench.txt").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="breakglass-") as scratch:
        only = Path(scratch, "only.txt")
        only.write_text(lock + "\n", encoding="ascii")
        words = ["download", "-q", "--no-deps", "--require-hashes", "-d", scratch, "-r", str(only)]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        _unpack(wheel, Path(scratch, "unpacked"))
        shutil.rmtree(COLLECTIONS, ignore_errors=True)
        shutil.copytree(Path(scratch, "unpacked"), COLLECTIONS)


def ready_or_skip() -> None:
    """Skip the test where one is missing, and say so; where everything must run (CI), fail it."""
    if not (names := _missing()):
        return
    missing = f"There is no {' and no '.join(names)} in {COLLECTIONS}: run make cores."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _missing() -> list[str]:
    there = COLLECTIONS / "ansible_collections"
    return [name.replace("/", ".") for name in WANTED if not (there / name / "MANIFEST.json").is_file()]


def _unpack(wheel: Path, target: Path) -> None:
    beginnings = tuple(f"ansible_collections/{name}/" for name in WANTED)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target, [name for name in archive.namelist() if name.startswith(beginnings)])
