# SPDX-License-Identifier: GPL-3.0-or-later
"""What the credentials of an access are called where a person uses them, and the variables that name their files. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

ANYWHERE: Final = {"host": "*", "port": "*", "database": "*"}
SSH: Final = "ssh"
SERVICE: Final = "breakglass"
"""As the service files of the collection call it."""


def name_of(path: str, kind: str, taken: Collection[str]) -> str:
    """A directory's name: of a role, or of the last word of a path; told apart by a number where it is taken."""
    plain = re.sub(r"[^a-z0-9_-]", "-", path.rpartition("/")[2].lower()) or kind
    others, number, name = {*taken, SSH}, 1, plain
    while name in others:
        number += 1
        name = f"{plain}-{number}"
    return name


def variable(name: str, file: str) -> str:
    """The one that names this file of this credential."""
    return f"BREAKGLASS_{_upper(name)}_{_upper(file)}"


def variables(directory: str, files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names of variables and the files that they name: `BREAKGLASS_SSH_ID` for the file `id` of the credential `ssh`.

    Where there is one of its kind only, libpq's own variables name it, too, and psql uses it without being told.
    """
    found = {variable(name, file): f"{directory}/{name}/{file}" for name, file in files}
    for file, of_libpq in (("pgpass", "PGPASSFILE"), ("pg_service.conf", "PGSERVICEFILE")):
        paths = [path for path in found.values() if path.endswith(f"/{file}")]
        if len(paths) == 1:
            found[of_libpq] = paths[0]
    return {**found, "PGSERVICE": SERVICE} if "PGSERVICEFILE" in found else found


def _upper(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper())
