# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play needs of this machine: Ansible, ansible-runner, ssh, and the collection of the runner's own version."""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.version import COLLECTION_VERSION

from breakglass import __version__
from breakglass.doctor.findings import Finding, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

OLDEST: Final = {"ansible-core": (2, 16), "ansible-runner": (2, 4)}
ABOUT: Final = "programs"


def look(_known: Known) -> Iterator[Finding]:
    """Versions, and whether ssh is there."""
    found = {name: installed(name) for name in OLDEST}
    bad = [*_too_old(found), *_other_collection(), *_no_ssh()]
    yield from (wrong(ABOUT, sentence) for sentence in bad)
    if not bad:
        python = ".".join(map(str, sys.version_info[:3]))
        packages = ", ".join(f"{name} {number}" for name, number in found.items())
        yield ok(ABOUT, f"breakglass {__version__}, Python {python}, {packages}, ssh")


def installed(package: str) -> str:
    """The version of a package; empty when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _too_old(found: dict[str, str]) -> Iterator[str]:
    for name, oldest in OLDEST.items():
        wanted = ".".join(map(str, oldest))
        if not found[name]:
            yield f"{name} is not installed beside the runner. Install it: pip install '{name}>={wanted}'"
        elif tuple(int(part) for part in re.findall(r"\d+", found[name])[:2]) < oldest:
            yield f"{name} {found[name]} is too old: at least {wanted} is needed. pip install --upgrade {name}"


def _other_collection() -> Iterator[str]:
    if __version__ != COLLECTION_VERSION:
        yield f"the runner is {__version__}, its collection {COLLECTION_VERSION}. Install both from one wheel"


def _no_ssh() -> Iterator[str]:
    if shutil.which("ssh") is None:
        yield "there is no ssh on PATH, so no play reaches a host. On Debian: apt install openssh-client"
