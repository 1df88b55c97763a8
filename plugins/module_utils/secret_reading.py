# SPDX-License-Identifier: GPL-3.0-or-later
"""One value out of a file in a form that `secret_file` and `rotation` write: plain, environment or JSON."""

from __future__ import annotations

import json
import os
import re
import shlex

LARGEST = 64 * 1024
_IN_DOUBLE_QUOTES = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["$`\\])')


class NoSecret(Exception):
    """Raised when a file holds no such value; the text holds nothing of the file."""


def read_secret(path: str, form: str, key: str) -> str:
    """The value; raises NoSecret."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
            text = file.read(LARGEST)
    except OSError as error:
        raise NoSecret(f"{path} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise NoSecret(f"{path} holds no text") from None
    value = _value(text, form, key)
    if not value:
        raise NoSecret(f"{path} holds no {'secret' if form == 'plain' else key} in the form {form}")
    return value


def _value(text: str, form: str, key: str) -> str:
    if form == "plain":
        return text.rstrip("\r\n")
    if form == "json":
        try:
            values = json.loads(text)
        except ValueError:
            return ""
        found = values.get(key) if isinstance(values, dict) else None
        return found if isinstance(found, str) else ""
    lines = re.findall(rf"^(?:export )?{re.escape(key)}=(.*)$", text, re.MULTILINE)
    try:
        return _unquoted(lines[-1]) if lines else ""
    except ValueError:
        return ""


def _unquoted(text: str) -> str:
    """What a shell reads; `shlex` does not know that a backslash before a dollar or a backtick goes, too."""
    inside = _IN_DOUBLE_QUOTES.fullmatch(text.strip())
    return _ESCAPED.sub(r"\1", inside[1]) if inside else "".join(shlex.split(text))
