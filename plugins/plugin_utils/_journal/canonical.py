# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that a hash of it means something.

The library `rfc8785` defines the result. Records are written before every task, so values that are easy to write to
the same bytes (text, whole numbers, keys in ASCII) take a faster way; a test holds the two together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

from .._errors import BreakglassError

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    import rfc8785

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = JsonScalar | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

MAX_DEPTH = 32
"""Levels of nesting that a record may have; a fixed number, so that what was written can be read on any stack."""
MAX_INTEGER = 2**53 - 1
"""The largest number that every JSON reader keeps exact (RFC 8785, section 3.2.2.3; RFC 7493)."""

_WORDS = {None: "null", True: "true", False: "false"}
_quoted = json.encoder.encode_basestring


class UnrecordableValue(BreakglassError):
    """Raised when a value has no canonical form, or when a record's field is not of its shape."""


def canonical(value: JsonValue, depth: int = MAX_DEPTH) -> bytes:
    """Return the RFC 8785 bytes of a value that has at most `depth` levels of nesting.

    Raises:
        UnrecordableValue: NaN, infinity, numbers beyond 2^53, lone surrogates, keys that are not text, other types,
            or more levels.
    """
    try:
        plain = _plain(value, depth)
        if plain is not None:
            return plain.encode()
        canonical_bytes: bytes = rfc8785.dumps(_builtin(value, depth))
    except ValueError as error:  # UnicodeEncodeError of a lone surrogate is one; its text would repeat the value
        raise _unrecordable("it holds text that is not valid Unicode") from error
    return canonical_bytes


def _plain(value: object, depth: int) -> str | None:
    """Return the canonical text of a value without floats, whose keys have an order that nobody disputes; else None.

    One plain pass, since this runs for each value of each record, and each object that it touches costs a page after a fork.
    """
    kind = type(value)
    if kind is str:
        return _quoted(value)  # type: ignore[arg-type]  # text it is
    if kind is bool or value is None:
        return _WORDS[value]  # type: ignore[index]  # one of three it is
    if kind is int:
        return str(value) if -MAX_INTEGER <= value <= MAX_INTEGER else None  # type: ignore[operator]  # an int it is
    if depth == 0:
        return None
    if kind is dict:
        return _plain_mapping(value, depth - 1)  # type: ignore[arg-type]  # a dict it is
    return _plain_sequence(value, depth - 1) if kind is list or kind is tuple else None  # type: ignore[arg-type]


def _plain_mapping(value: dict[object, object], depth: int) -> str | None:
    for key in value:
        if key.__class__ is not str or not key.isascii():
            return None
    members = []
    for key in sorted(value):  # type: ignore[type-var]  # text they are
        item = value[key]
        text = _quoted(item) if item.__class__ is str else _plain(item, depth)
        if text is None:
            return None
        members.append(f"{_quoted(key)}:{text}")  # type: ignore[arg-type]
    return "{" + ",".join(members) + "}"


def _plain_sequence(value: Sequence[object], depth: int) -> str | None:
    items = []
    for item in value:
        text = _plain(item, depth)
        if text is None:
            return None
        items.append(text)
    return "[" + ",".join(items) + "]"


def _builtin(value: object, depth: int) -> object:
    """Return the value in the types that the library knows, every rule of this module checked."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if depth == 0:
        raise _unrecordable(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _unrecordable("it has a key that is not text")
        return {key: _builtin(item, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_builtin(item, depth - 1) for item in value]
    raise _unrecordable(f"it holds a {type(value).__name__}, which JSON does not have")


def _number(value: float) -> float:
    # A float of 2^53 or more is written without a fraction, and would be read back as a refused integer.
    if not math.isfinite(value) or abs(value) > MAX_INTEGER:
        raise _unrecordable("it holds NaN, infinity or a number beyond 2^53")
    return value


def _unrecordable(why: str) -> UnrecordableValue:
    return UnrecordableValue(f"A value can't be written to the journal: {why}. Record it as plain text instead.")
