# SPDX-License-Identifier: GPL-3.0-or-later
"""What will be published, built of this tree, and how packages of others are held at the versions of a lock meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
BUILD = "import sys; sys.path.insert(0, 'tools'); from pathlib import Path; import distribution as d; d.build(Path('.'), Path(sys.argv[1]))"
PINNED = re.compile(r"^[A-Za-z0-9._-]+(?:\[[a-z,-]+\])?==\S+(?: ; [^\\\n]+)?", re.MULTILINE)


def built(target: Path, tree: Path = TREE, umask: int = 0o022) -> tuple[Path, Path]:
    """Tarball and wheel of a tree, in a new directory; raises CalledProcessError."""
    words = ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", sys.executable, "-c", BUILD, str(target)]
    subprocess.run(words, cwd=tree, check=True, capture_output=True, text=True, timeout=300)
    tarball, wheel = sorted(target.iterdir())
    return tarball, wheel


def constraints(lock: Path, target: Path) -> Path:
    """Write the versions of a lock as what pip calls constraints, which may have no hashes where something else has none."""
    lines = [line.rstrip() for line in PINNED.findall(lock.read_text(encoding="utf-8"))]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target
