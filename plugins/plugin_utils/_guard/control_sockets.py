# SPDX-License-Identifier: GPL-3.0-or-later
"""Persisted SSH connections end with the run: a master that stays would let the next run in without a certificate."""

from __future__ import annotations

import stat
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 5


def end_connections(directory: Path) -> int:
    """Tell the ssh master behind each control socket of a run to exit; returns how many there were.

    `directory` is the run's own control directory. A master that does not answer is ended with the run's processes.
    """
    sockets = [path for path in _entries(directory) if _is_socket(path)]
    for path in sockets:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # the host name is not used: the socket says whom to talk to
                ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "unused"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
    return len(sockets)


def _entries(directory: Path) -> list[Path]:
    with suppress(OSError):
        return list(directory.iterdir())
    return []


def _is_socket(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISSOCK(path.stat().st_mode)
    return False
