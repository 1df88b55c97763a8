# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms in which programs read credentials from files. Pure: values in, the file's text out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from .._errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class UnwritableForm(BreakglassError):
    """Raised when a value can't be written in a form without changing it."""


def pgpass(server: Mapping[str, str], username: str, password: str) -> str:
    """One line of a password file of libpq (https://www.postgresql.org/docs/current/libpq-pgpass.html)."""
    values = (server["host"], server["port"], server["database"], username, password)
    escaped = (_one_line(value, "a password file").replace("\\", "\\\\").replace(":", "\\:") for value in values)
    line = ":".join(escaped)
    return f"\\{line}\n" if line.startswith("#") else f"{line}\n"  # which would begin a comment


def pg_service(server: Mapping[str, str], username: str, passfile: str) -> str:
    """A connection service file of libpq with the service `breakglass`; libpq takes each value to the end of its line."""
    lines = {"host": server["host"], "port": server["port"], "dbname": server["database"], "user": username}
    given = {name: value for name, value in {**lines, "passfile": passfile}.items() if value not in ("", "*")}
    return "[breakglass]\n" + "".join(f"{name}={_one_line(value, 'a service file')}\n" for name, value in given.items())


def my_cnf(server: Mapping[str, str], username: str, password: str) -> str:
    """An option file of MySQL and MariaDB clients (https://dev.mysql.com/doc/refman/8.4/en/option-files.html)."""
    known = {name: server[name] for name in ("host", "port") if server[name] not in ("", "*")}
    given = {**known, "user": username, "password": password}
    return "[client]\n" + "".join(f"{name} = {_quoted(value)}\n" for name, value in given.items())


def environment(values: Mapping[str, object]) -> str:
    """`NAME='value'` lines that a POSIX shell sources and systemd's EnvironmentFile reads alike."""
    for name in values:
        if not _VARIABLE.fullmatch(name):
            raise UnwritableForm(
                f"{name[:60]!r} can't be the name of an environment variable. Choose format: json, or key with format: plain."
            )
    return "".join(f"{name}={_shell_quoted(_text(name, value))}\n" for name, value in values.items())


def json_text(values: Mapping[str, object]) -> str:
    """One JSON object."""
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def plain(values: Mapping[str, object], key: str) -> str:
    """One value, exactly, without a newline at its end."""
    if key not in values:
        raise UnwritableForm(f"The secret has no {key[:60]!r}. It has: {', '.join(sorted(values)) or 'nothing'}.")
    return _text(key, values[key])


def _text(name: str, value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    if isinstance(value, (str, int, float)):
        return _encodable(str(value))
    raise UnwritableForm(f"{name[:60]!r} holds a list or a mapping, which this form can't hold. Choose format: json.")


def _encodable(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UnwritableForm(
            "A value with half of a character (a lone surrogate) can't be written. Choose format: json."
        )
    return value


def _one_line(value: str, where: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise UnwritableForm(f"A value with a line break can't stand in {where}.")
    return _encodable(value)


def _quoted(value: str) -> str:
    """In double quotes, with the escapes that MySQL's clients read."""
    return '"' + _one_line(value, "an option file").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shell_quoted(value: str) -> str:
    if "\0" in value:
        raise UnwritableForm("A value with a null character can't stand in the environment.")
    if "'" not in value:
        return f"'{value}'"
    # systemd reads what follows '\'' in another way than a shell, but double quotes alike.
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'
