# SPDX-License-Identifier: GPL-3.0-or-later
"""The database: there or to be made, of which schema, and whether a runner works on it. Nothing in it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.counting import count
from breakglass.doctor.disk import LEAST_FREE, Place, size
from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import DATABASE, SETTINGS
from breakglass.store.looking import UnknownHolder, file_of, holder_of, look_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.doctor.known import Known
    from breakglass.store.looking import Looked

ABOUT = "database"


def look(known: Known) -> Iterator[Finding]:
    """Its place, then what is in it."""
    path = file_of(known[SETTINGS].database_url)
    if path is None:
        yield from _look_into(known, known[SETTINGS].database_url, path)
        return
    try:
        place = Place.of(path.parent)
        trouble, free, is_there = place.trouble(), place.free, path.exists()
    except OSError as error:
        trouble, free, is_there = f"{path.parent}: {error.strerror}", 0, False
    if trouble:
        yield wrong(ABOUT, f"{trouble}. No alert can be taken in: name another in database_url, or let it be written")
    elif free < LEAST_FREE:
        yield wrong(ABOUT, f"{path.parent} has {size(free)} left. When it is full alerts are answered 503: make room")
    elif is_there:
        yield from _look_into(known, str(path), path)
    else:
        yield ok(ABOUT, f"{path} (not there yet; the runner makes it), {size(free)} free")


def _look_into(known: Known, title: str, path: Path | None) -> Iterator[Finding]:
    found = look_at(known[SETTINGS].database_url, known[SETTINGS].database_password_file)
    try:
        works = _who_works(found, path)
    except UnknownHolder as error:
        works = ""
        yield unknown(ABOUT, str(error))
    if found.is_current:
        known.learn(DATABASE, found)
        incidents = count(found.open_incidents, "open incident")
        yield ok(ABOUT, f"{title}, schema {found.revision}, {incidents}; {works or 'no runner works on it'}")
    else:
        yield _other_schema(found, title, works)


def _who_works(found: Looked, path: Path | None) -> str:
    """Who works on it, in words; empty for nobody. Raises UnknownHolder."""
    if path is None:
        return (
            f"{', '.join(found.runners)} {'works' if len(found.runners) == 1 else 'work'} on it"
            if found.runners
            else ""
        )
    holder = holder_of(path)
    return "" if holder is None else f"a runner works on it{f' (pid {holder})' if holder else ''}"


def _other_schema(found: Looked, title: str, works: str) -> Finding:
    if found.is_empty:
        return ok(ABOUT, f"{title}, empty; the runner makes its tables")
    if not found.revision:
        return wrong(ABOUT, f"{title} is a database of something else. Name another in database_url")
    what = f"{title}, schema {found.revision}"
    if found.is_newer:
        return wrong(ABOUT, f"{what} is of a later version than this one (schema {found.newest}). Install that version")
    if works:
        return wrong(ABOUT, f"{what}: {works}, of an earlier version. Restart it with this one (schema {found.newest})")
    return ok(ABOUT, f"{what}; the next start of the runner brings it to {found.newest}")
