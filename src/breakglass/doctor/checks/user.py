# SPDX-License-Identifier: GPL-3.0-or-later
"""The user: what root may read and write says nothing of what the runner may, where it works as somebody else."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from breakglass.doctor.findings import Finding, ok, unknown
from breakglass.doctor.known import SETTINGS
from breakglass.store.looking import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT = "user"


def look(known: Known) -> Iterator[Finding]:
    """Whose journal and database are there already; nothing where none is."""
    settings = known[SETTINGS]
    places = (settings.journal.directory, file_of(settings.database_url))
    paths = [path for path in places if path is not None and path.exists()]
    owners = {path: path.stat().st_uid for path in paths}
    others = {path: owner for path, owner in owners.items() if owner != os.geteuid()}
    for path, owner in others.items():
        name = _name(owner)
        yield unknown(
            ABOUT,
            f"{path} is of {name}, and you are {_name(os.geteuid())}: what you may is not what the runner may. "
            f"Run doctor as {name}, too",
        )
    if owners and not others:
        yield ok(ABOUT, f"{_name(os.geteuid())}, whose journal and database these are")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"
