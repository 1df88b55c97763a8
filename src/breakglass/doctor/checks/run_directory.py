# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the secrets of a play lie while it runs: a short path, since the sockets of ssh go there, that can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

from breakglass.doctor.disk import FORGETFUL, Place
from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS
from breakglass.runner import run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT = "run directory"
SAMPLE = "run-abcdefgh"
"""As long as the names that runs get."""


def look(known: Known) -> Iterator[Finding]:
    """Its length, and whether it can be written."""
    parent = run_directory(known[SETTINGS])
    RunDirectory(parent / SAMPLE).check_length()
    try:
        place = Place.of(parent)
        trouble, kind = place.trouble(), place.file_system()
    except OSError as error:
        trouble, kind = f"{parent}: {error.strerror}", ""
    if trouble:
        yield wrong(ABOUT, f"{trouble}. No play can start: name another with run_directory, or let it be written")
    else:
        memory = "in memory" if kind in FORGETFUL else "on a disk; in memory is better (run_directory)"
        yield ok(ABOUT, f"{parent}, {memory}")
