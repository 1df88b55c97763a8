# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that a hash of it means something.

The library `rfc8785` defines the result. Records are written before every task, so values that the standard encoder
writes to the same bytes (text, whole numbers, keys in ASCII) take that faster way; a test holds the two together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import rfc8785

from .._errors import BreakglassError

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = JsonScalar | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

MAX_DEPTH = 32
"""Levels of nesting that a record may have; a fixed number, so that what was written can be read on any stack."""
MAX_INTEGER = 2**53 - 1
"""The largest number that every JSON reader keeps exact (RFC 8785, section 3.2.2.3; RFC 7493)."""

_PLAIN_SCALARS = frozenset({str, bool, type(None)})
_PLAIN_SEQUENCES = frozenset({list, tuple})
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)


class UnrecordableValue(BreakglassError):
    """Raised when a value has no canonical form, or when a record's field is not of its shape."""


def canonical(value: JsonValue, depth: int = MAX_DEPTH) -> bytes:
    """Return the RFC 8785 bytes of a value that has at most `depth` levels of nesting.

    Raises:
        UnrecordableValue: NaN, infinity, numbers beyond 2^53, lone surrogates, keys that are not text, other types,
            or more levels.
    """
    try:
        if _is_plain(value, depth):
            return _ENCODER.encode(value).encode()
        canonical_bytes: bytes = rfc8785.dumps(_builtin(value, depth))
    except ValueError as error:  # UnicodeEncodeError of a lone surrogate is one; its text would repeat the value
        raise _unrecordable("it holds text that is not valid Unicode") from error
    return canonical_bytes


def _is_plain(value: object, depth: int) -> bool:
    """Tell whether the standard encoder gives the canonical bytes: no floats, and keys whose order nobody disputes.

    Plain loops, since this runs for each value of each record.
    """
    kind = type(value)
    if kind in _PLAIN_SCALARS:
        return True
    if kind is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]  # an int it is
    if depth == 0:
        return False
    if kind is dict:
        for key in value:  # type: ignore[attr-defined]  # a dict it is
            if type(key) is not str or not key.isascii():
                return False
        return _are_plain(value.values(), depth - 1)  # type: ignore[attr-defined]  # a dict it is
    return kind in _PLAIN_SEQUENCES and _are_plain(value, depth - 1)  # type: ignore[arg-type]  # list or tuple


def _are_plain(items: Iterable[object], depth: int) -> bool:
    for item in items:  # noqa: SIM110 (a generator costs twice the time)
        if type(item) not in _PLAIN_SCALARS and not _is_plain(item, depth):
            return False
    return True


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
