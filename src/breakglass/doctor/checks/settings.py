# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings: whether they load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.counting import count
from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS
from breakglass.policy.problems import FileProblems
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT = "settings"


def look(known: Known) -> Iterator[Finding]:
    """One line for each thing to correct."""
    path = known.asked.settings
    if not path.exists():
        yield wrong(ABOUT, f"there is no {path}. Make one with `breakglass init`, or name yours with --settings")
        return
    try:
        found = load_settings(path)
    except FileProblems as error:
        yield from (wrong(ABOUT, str(problem)) for problem in error.problems)
        return
    known.learn(SETTINGS, found)
    yield ok(ABOUT, f"{path}: {count(len(found.sources), 'source')}, {count(len(found.channels), 'channel')}")
