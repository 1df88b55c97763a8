# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether we are in a container, whose end would take the guard of a grant along with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILES = ("run/.containerenv", ".dockerenv")
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")


def is_in_container(environ: Mapping[str, str], root: Path) -> bool:
    """Tell it by the marks that Podman, Docker, Kubernetes and systemd-nspawn leave below `root` and in the environment."""
    return any((root / name).exists() for name in _FILES) or any(environ.get(name) for name in _VARIABLES)
