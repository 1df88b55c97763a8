# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as RFC 8259 and I-JSON (RFC 7493) mean it: UTF-8, no byte-order mark, no duplicate keys, no NaN."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from .message import UnreadableMessage

MAXIMUM_DEPTH = 64
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_object(body: bytes) -> dict[str, object]:
    """Read one JSON object; raises UnreadableMessage."""
    content = read_json(body)
    if not isinstance(content, dict):
        raise UnreadableMessage("The message is JSON, but not an object.")
    return content


def read_json(body: bytes) -> object:
    """Read one JSON value; raises UnreadableMessage."""
    if body.startswith(b"\xef\xbb\xbf"):
        raise UnreadableMessage("The message begins with a byte-order mark: send plain UTF-8.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableMessage(f"The message is not UTF-8 (byte {error.start}).") from None
    _check_depth(text)
    try:
        content: object = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise UnreadableMessage(f"The message is not JSON (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise _too_deep() from None
    return content


def read_text(content: dict[str, object], key: str, otherwise: str | None = None) -> str:
    """Give a text of an object; raises UnreadableMessage when it is absent (without `otherwise`) or not text."""
    value = content.get(key, otherwise)
    if not isinstance(value, str):
        raise UnreadableMessage(f"{key} is {'missing' if value is None else 'not text'}.")
    return whole(value, key)


def whole(text: str, where: str) -> str:
    """Give the text back; raises UnreadableMessage when it holds half of a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnreadableMessage(f"{where} holds half of a character (a lone surrogate).") from None
    return text


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise UnreadableMessage(f"The key {twice[:80]!r} stands twice in one object.")
    return content


def _constant(word: str) -> NoReturn:
    raise UnreadableMessage(f"The message holds {word}, which is not JSON.")


def _integer(digits: str) -> float:
    """Read a whole number; what is larger than any real one only has to be refused later, not to cost time."""
    return int(digits) if len(digits) <= 20 else float("inf")  # noqa: PLR2004 - 64 bits have 20 digits


def _check_depth(text: str) -> None:
    depth = 0
    for token in _STRUCTURE.finditer(text):
        first = token[0][0]
        if first != '"':
            depth += 1 if first in "[{" else -1
        if depth > MAXIMUM_DEPTH:
            raise _too_deep()


def _too_deep() -> UnreadableMessage:
    return UnreadableMessage(f"The message is nested more than {MAXIMUM_DEPTH} levels deep.")
