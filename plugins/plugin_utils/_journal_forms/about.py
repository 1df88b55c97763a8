# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record is about, and its fields taken one by one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._journal.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.record import JsonValue, Record

_STORY = re.compile(r"(?:INC|RUN)-[A-Za-z0-9-]{1,100}")


def story_of(origin: str) -> str:
    """Return the incident or run that a stream belongs to (`INC-7K3M`, `RUN-…`); the origin itself when it is neither."""
    return next((part for part in origin.split("/") if _STORY.fullmatch(part)), origin)


def plain(value: object) -> str:
    """Return a field as text; of one that was too long (`text`, `size`, `sha256`) its beginning. Nothing is empty."""
    if isinstance(value, dict):
        value = value.get("text")
    return "" if value is None else value if isinstance(value, str) else str(value)


def as_mapping(record: Record) -> dict[str, JsonValue]:
    """Return the record's seven fields, as they stand in its line."""
    return {
        "at": record.at,
        "body": dict(record.body),
        "id": record.id,
        "kind": record.kind,
        "origin": record.origin,
        "previous": record.previous,
        "seq": record.seq,
    }


class Fields:
    """A record's body, from which fields are taken; what nobody took is left."""

    def __init__(self, body: Mapping[str, JsonValue]) -> None:
        """Start with everything."""
        self._left: dict[str, JsonValue] = dict(body)

    def text(self, *names: str) -> str:
        """Take the first of these fields that says something, safe to look at; empty if none does.

        What can't be told in one line of text (a list, a mapping, a text that was shortened) is left as well.
        """
        for name in names:
            value = self._left.get(name)
            if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
                del self._left[name]
                return printable(str(value))
            if isinstance(value, dict) and plain(value):
                return printable(plain(value))
        return ""

    def look(self, name: str) -> JsonValue:
        """Return a field and leave it."""
        return self._left.get(name)

    def left(self) -> dict[str, JsonValue]:
        """Return what nobody took."""
        return dict(self._left)
