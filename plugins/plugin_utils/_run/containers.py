# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether we are in a container, whose end would take the guard of a grant along with the run, and who else is in there."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILES = ("run/.containerenv", ".dockerenv")
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
_JOB_OF_AWX = "AWX_PRIVATE_DATA_DIR"
MARKS = (*_VARIABLES, _JOB_OF_AWX)
"""The variables by which a program knows where it runs."""


def is_in_container(environ: Mapping[str, str], root: Path) -> bool:
    """Tell it by the marks that Podman, Docker, Kubernetes and systemd-nspawn leave below `root` and in the environment."""
    return any((root / name).exists() for name in _FILES) or any(environ.get(name) for name in _VARIABLES)


def is_open_to_others(status: os.stat_result, rights: int, environ: Mapping[str, str], root: Path) -> bool:
    """Whether anybody but us has one of these rights (bits of a mode) on a file.

    AWX gives the files of credentials to their group as well (0660); in the container of a job our own group is nobody but us.
    Any other container may share its files, and its group, with others.
    """
    job = bool(environ.get(_JOB_OF_AWX)) and is_in_container(environ, root)
    alone = status.st_gid == os.getegid() and job
    return bool(status.st_mode & (rights & ~stat.S_IRWXG if alone else rights))
