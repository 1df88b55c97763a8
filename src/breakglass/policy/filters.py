# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters and tests of expressions; each says what it works on and how large its result may be."""

from __future__ import annotations

import re
from typing import Any

from breakglass.domain.routing import ExpressionError

MAXIMUM_TEXT = 65_536
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}", re.ASCII)


def bounded(text: str) -> str:
    """Give the text back; raises ExpressionError when it is too long."""
    if len(text) > MAXIMUM_TEXT:
        raise ExpressionError(f"A text of more than {MAXIMUM_TEXT} characters can't be used in an expression.")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ExpressionError("This filter works on a text.")
    return bounded(value)


def _lower(value: object) -> str:
    return _text(value).lower()


def _upper(value: object) -> str:
    return _text(value).upper()


def _trim(value: object) -> str:
    return _text(value).strip()


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    if not before:
        raise ExpressionError("The filter replace needs a text to look for.")
    if len(text) + text.count(before) * len(after) > MAXIMUM_TEXT:
        raise ExpressionError("The filter replace would make the text too long.")
    return text.replace(before, after)


def _split(value: object, separator: object) -> list[str]:
    between = _text(separator)
    if not between:
        raise ExpressionError("The filter split needs a separator.")
    return _text(value).split(between)


def _join(value: object, separator: object) -> str:
    between = _text(separator)
    if not isinstance(value, list | tuple):
        raise ExpressionError("The filter join works on a list of texts.")
    texts = [_text(item) for item in value]
    if sum(map(len, texts)) + len(texts) * len(between) > MAXIMUM_TEXT:
        raise ExpressionError("The filter join would make the text too long.")
    return between.join(texts)


def _sized(value: object) -> str | list[object] | tuple[object, ...]:
    if isinstance(value, str | list | tuple):
        return value
    raise ExpressionError("This filter works on a text or a list.")


def _first(value: object) -> object:
    return next(iter(_sized(value)), "")


def _last(value: object) -> object:
    return next(reversed(_sized(value)), "")


def _length(value: object) -> int:
    return len(_sized(value))


def _int(value: object, otherwise: object = None) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if otherwise is None:
        raise ExpressionError(f"{str(value)[:80]!r} is not a whole number; `int(0)` would take 0 instead.")
    return otherwise


def _default(value: object, otherwise: object) -> object:
    return otherwise if value is None or value == "" else value


def _startswith(value: object, start: object) -> bool:
    return _text(value).startswith(_text(start))


def _endswith(value: object, end: object) -> bool:
    return _text(value).endswith(_text(end))


FILTERS: dict[str, Any] = {
    "default": _default,
    "first": _first,
    "int": _int,
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": _lower,
    "replace": _replace,
    "split": _split,
    "trim": _trim,
    "upper": _upper,
}
TESTS: dict[str, Any] = {"endswith": _endswith, "startswith": _startswith}
