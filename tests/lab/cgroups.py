# SPDX-License-Identifier: GPL-3.0-or-later
"""Cgroups: each part of a lab runs in one of its own, so that all of its processes are known, and can be frozen and ended.

A process can't leave it by forking, by a new session, or by losing its parent, and none is in it that the lab has not
started. So nothing is ever ended by its name, nor by a number that meanwhile belongs to somebody else.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.lab.errors import BrokenLab, MissingPart

TREE: Final = Path("/sys/fs/cgroup")
OURS: Final = "breakglass-lab"
# The old hierarchies that a host needs as its own: to be frozen, to be limited, and systemd's.
OLD: Final = ("freezer", "memory", "pids", "cpu", "systemd", "unified")
END_WITHIN_SECONDS: Final = 20
BETWEEN_LOOKS_SECONDS: Final = 0.02


def hierarchies() -> list[Path]:
    """Where cgroups are made on this machine: one tree, or several; the one that freezes is the first."""
    if (TREE / "cgroup.controllers").exists():
        return [TREE]
    found = [TREE / name for name in OLD if (TREE / name / "cgroup.procs").exists()]
    if not found or found[0].name != "freezer":
        raise MissingPart(f"This machine has no cgroups below {TREE}, which the lab needs.")
    return found


def make(lab: str, part: str) -> list[Path]:
    """Make the cgroup of a part of a lab, in each hierarchy."""
    made = [tree / OURS / lab / part for tree in hierarchies()]
    for path in made:
        path.mkdir(parents=True, exist_ok=True)
    if hierarchies() == [TREE]:
        _let_limit_memory(lab)
    return made


def _let_limit_memory(lab: str) -> None:
    """In one tree each level says what those below may limit; where there are several, everybody below may."""
    for directory in (TREE, TREE / OURS, TREE / OURS / lab):
        if "memory" in (directory / "cgroup.controllers").read_text(encoding="ascii").split():
            (directory / "cgroup.subtree_control").write_text("+memory", encoding="ascii")


def entering(lab: str, part: str, *command: str) -> list[str]:
    """The command line that runs a command in that cgroup, from its first instruction on."""
    script = 'for group in $1; do echo 0 > "$group/cgroup.procs" || exit 97; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", " ".join(str(path / "") for path in make(lab, part)), *command]


def processes(lab: str, part: str = "") -> set[int]:
    """Every process of a part, or of the whole lab."""
    found: set[int] = set()
    for directory, _, _ in os.walk(hierarchies()[0] / OURS / lab / part):
        with suppress(OSError):
            found.update(int(line) for line in (Path(directory) / "cgroup.procs").read_text().split())
    return found


def freeze(lab: str, part: str) -> None:
    """Stop every process of it where it stands; its connections stay open, and nothing answers."""
    _set_frozen(lab, part, frozen=True)


def thaw(lab: str, part: str) -> None:
    """Let them go on; what is not frozen is left alone."""
    _set_frozen(lab, part, frozen=False)


def end(lab: str, part: str = "") -> None:
    """End every process of a part, or of the whole lab, and remove the cgroups; raises BrokenLab when some stay."""
    deadline = time.monotonic() + END_WITHIN_SECONDS
    _thaw_all(hierarchies()[0] / OURS / lab / part)
    while left := processes(lab, part):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise BrokenLab(f"These processes of the lab do not end: {sorted(left)}")
        time.sleep(BETWEEN_LOOKS_SECONDS)
    for tree in hierarchies():
        _remove(tree / OURS / lab / part)
        with suppress(OSError):  # other labs, or other parts of this one, are there
            (tree / OURS).rmdir()


def _set_frozen(lab: str, part: str, *, frozen: bool) -> None:
    group = hierarchies()[0] / OURS / lab / part
    if not group.is_dir():
        raise BrokenLab(f"There is no {part} in the lab {lab}.")
    if (group / "freezer.state").exists():
        (group / "freezer.state").write_text("FROZEN" if frozen else "THAWED")
    else:
        (group / "cgroup.freeze").write_text("1" if frozen else "0")


def _thaw_all(top: Path) -> None:
    for directory, _, files in os.walk(top):
        if "freezer.state" in files:
            with suppress(OSError):
                (Path(directory) / "freezer.state").write_text("THAWED")
        elif "cgroup.freeze" in files:
            (Path(directory) / "cgroup.freeze").write_text("0")


def _remove(top: Path) -> None:
    deadline = time.monotonic() + END_WITHIN_SECONDS
    for directory, _, _ in os.walk(top, topdown=False):
        while True:
            try:
                Path(directory).rmdir()
            except FileNotFoundError:
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise BrokenLab(f"{directory} can't be removed: {error.strerror}") from error
                time.sleep(BETWEEN_LOOKS_SECONDS)
            else:
                break
