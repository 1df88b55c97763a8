# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's list of certificates that are to be believed no more, as OpenSSH reads it."""

from __future__ import annotations

import subprocess
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_listed(certificate: Path, runner: str) -> bool:
    """Whether OpenSSH finds a certificate on the runner's list."""
    with urllib.request.urlopen(f"{runner}/krl", timeout=20) as answer:
        (certificate.parent / "krl").write_bytes(answer.read())
    asked = ["ssh-keygen", "-Q", "-f", str(certificate.parent / "krl"), str(certificate)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=20)
    assert said.returncode in (0, 1), said.stderr
    assert ("REVOKED" in said.stdout) == bool(said.returncode), said.stdout
    return bool(said.returncode)
