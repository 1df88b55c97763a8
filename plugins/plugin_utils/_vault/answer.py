# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed reading of Vault's answers: a missing or ill-typed field is an UnexpectedAnswer, never a KeyError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Final

from .errors import UnexpectedAnswer

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


def section(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the object `name` of an answer (`data`, `auth`, `wrap_info`).

    Raises:
        UnexpectedAnswer: It is not there.
    """
    value = answer.get(name)
    if not isinstance(value, Mapping):
        raise _missing(name, "object")
    return {str(key): entry for key, entry in value.items()}


def text(fields: Mapping[str, object], name: str) -> str:
    """Return a text that must be there and not be empty.

    Raises:
        UnexpectedAnswer: It is not there.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _missing(name, "text")
    return value


def optional_text(fields: Mapping[str, object], name: str) -> str:
    """Return a text, or the empty one when it is not there.

    Raises:
        UnexpectedAnswer: There is something else than a text.
    """
    return text(fields, name) if fields.get(name) else ""


def whole(fields: Mapping[str, object], name: str) -> int:
    """Return a whole number that must be there.

    Raises:
        UnexpectedAnswer: It is not there.
    """
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _missing(name, "whole number")
    return value


def truth(fields: Mapping[str, object], name: str) -> bool:
    """Return a boolean that must be there.

    Raises:
        UnexpectedAnswer: It is not there.
    """
    value = fields.get(name)
    if not isinstance(value, bool):
        raise _missing(name, "boolean")
    return value


def texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a list of texts; one that is missing or null counts as empty, as Go writes it.

    Raises:
        UnexpectedAnswer: There is something else than a list of texts.
    """
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _missing(name, "list of texts")
    return tuple(value)


def moment(fields: Mapping[str, object], name: str) -> datetime:
    """Return a point in time (aware, UTC, cut to microseconds) from Go's RFC 3339 text with up to nine decimals.

    Raises:
        UnexpectedAnswer: It is not there, or no such text.
    """
    match = _RFC3339.fullmatch(text(fields, name))
    if match is None:
        raise _missing(name, "point in time")
    date, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    try:
        moment_there = datetime.fromisoformat(f"{date}T{clock}.{(fraction or '0')[:6]:0<6}{offset}")
        return moment_there.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise _missing(name, "point in time") from error


def _missing(name: str, kind: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"Vault's answer has no {kind} '{name}' where one must be; is this a Vault or OpenBao that we support?"
    )
