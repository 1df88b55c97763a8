# SPDX-License-Identifier: GPL-3.0-or-later
"""The database in the settings: an SQLite file, or a PostgreSQL that several runners share, each under a name of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from breakglass.policy.scalars import sentence
from breakglass.settings_addresses import is_loopback
from breakglass.settings_paths import absolute_path

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationInfo

RUNNER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_VERIFIED = ("verify-ca", "verify-full")


class DatabaseAddress(NamedTuple):
    """What the store is opened with."""

    url: str
    runner: str
    password_file: Path | None


def database_url(value: object, info: ValidationInfo) -> str:
    """The address of a database, an SQLite file with its absolute path; raises a ValueError whose text is a sentence."""
    text = value if isinstance(value, str) else ""
    if text.startswith(("postgresql:", "postgres:")):
        return _postgresql_url(text)
    if not text.startswith("sqlite:///") or text in ("sqlite:///", "sqlite:///:memory:") or "?" in text:
        raise sentence(
            "Write sqlite:///FILE (with an absolute path: sqlite:////var/lib/…), or postgresql://USER@HOST/DATABASE."
        )
    return f"sqlite:///{absolute_path(text.removeprefix('sqlite:///'), info)}"


def _postgresql_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = bool(parts.hostname and parts.username and parts.path.strip("/")) and parts.port != 0
    except ValueError:
        complete, parts = False, urlsplit("")
    if not complete or "/" in parts.path[1:]:
        raise sentence(
            "Write postgresql://USER@HOST:PORT/DATABASE, with parameters of libpq such as ?sslmode=verify-full."
        )
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise sentence("A password does not belong into an address: name a file with it, `database_password_file`.")
    if not is_loopback(parts.hostname or "") and parse_qs(parts.query).get("sslmode", [""])[-1] not in _VERIFIED:
        raise sentence(
            "Its password and all that is decided would travel to whoever answers: write ?sslmode=verify-full (and "
            "sslrootcert), unless PostgreSQL is on this machine."
        )
    return f"postgresql://{parts.netloc}{parts.path}{'?' * bool(parts.query)}{parts.query}"


def runner_name(value: object) -> str:
    """The name of a runner among others; raises a ValueError whose text is a sentence."""
    if not isinstance(value, str) or not RUNNER_NAME.fullmatch(value):
        raise sentence("A runner is named with a-z, 0-9 and dash, at most 32 of them, such as runner-a.")
    return value
