# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the importer of Galaxy judge the tarball that we would publish, and be content with nothing but silence.

It runs in the environment of requirements/publish.txt. It has no opinion on ansible-test here: `make sanity` is that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(sys.executable).parent
SETTINGS: Final = """[galaxy-importer]
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
OFFLINE_ANSIBLE_LINT = True
RUN_ANSIBLE_TEST = False
CHECK_REQUIRED_TAGS = True
CHECK_CHANGELOG = True
CHECK_RUNTIME_YAML = True
"""
COMPLAINTS: Final = ("WARNING", "ERROR", "CRITICAL", "Traceback")


def complaints(tarball: Path) -> list[str]:
    """What the importer has to say against it, a line each."""
    with tempfile.TemporaryDirectory(prefix="breakglass-") as scratch:
        settings = Path(scratch, "importer.cfg")
        settings.write_text(SETTINGS, encoding="ascii")
        environment = {
            **os.environ,
            "GALAXY_IMPORTER_CONFIG": str(settings),
            "HOME": scratch,
            "PATH": f"{PROGRAMS}:{os.defpath}",
        }
        command = [str(PROGRAMS / "python"), "-m", "galaxy_importer.main", str(tarball.resolve())]
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(COMPLAINTS)]
    return said if done.returncode == 0 else [*said, f"The importer ended with code {done.returncode}."]


if __name__ == "__main__":
    found = complaints(Path(sys.argv[1]))
    sys.exit("\n".join(found) if found else None)
