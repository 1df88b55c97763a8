# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's directory: nothing may start that can't be recorded there, so it must be writable, lasting and not full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.doctor.disk import FORGETFUL, LEAST_FREE, Place, size
from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.doctor.known import Known


def look(known: Known) -> Iterator[Finding]:
    """The directory, and the archive's where there is one."""
    journal = known[SETTINGS].journal
    yield _look_at("journal", journal.directory)
    if journal.archive:
        yield _look_at("archive", journal.archive)


def _look_at(about: str, directory: Path) -> Finding:
    try:
        place = Place.of(directory)
        if trouble := place.trouble():
            return wrong(about, f"{trouble}. Nothing starts that can't be recorded: name another, or let it be written")
        seconds, free, kind = place.sync_seconds(), place.free, place.file_system()
    except OSError as error:
        return wrong(about, f"{directory} takes no record: {error.strerror}. Nothing starts that can't be recorded")
    if kind in FORGETFUL:
        return wrong(
            about, f"{directory} is on {kind}, so its records are gone after a reboot. Name a directory on a disk"
        )
    if free < LEAST_FREE:
        return wrong(about, f"{directory} has {size(free)} left. When it is full nothing starts any more: make room")
    there = "" if place.is_there else " (not there yet; the runner makes it)"
    what = f"{directory}{there} on {kind or 'an unknown file system'}"
    return ok(about, f"{what}, a record is on the disk in {seconds * 1000:.1f} ms, {size(free)} free")
