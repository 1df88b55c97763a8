# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists, page by page: `limit` items `after` the cursor of the page before; `next` is the cursor of the next page, or null.

A cursor is the key that the last item of a page is sorted by. What comes or goes between two pages changes neither the
order nor what else is seen: nothing is skipped, nothing comes twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import Field

from breakglass.web.operations import OneLine, Said, Shown
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
ShownT = TypeVar("ShownT", bound=Shown)
Key = tuple[str | int, ...]
USUAL, MOST = 50, 200
LONGEST_CURSOR = 1000


class Paging(Said):
    """Which part of a list."""

    limit: int = Field(USUAL, ge=1, le=MOST, description="How many items at most.")
    after: OneLine = Field(
        "", max_length=LONGEST_CURSOR, description="What `next` of the page before says; empty where the list begins."
    )


class Page(Shown, Generic[ShownT]):
    """One page of a list."""

    items: list[ShownT] = Field(description="In the order of the list.")
    next: str | None = Field(description="Cursor of the next page; null on the last one.")


def part(paging: Paging, items: Sequence[Item], key: Callable[[Item], Key]) -> tuple[list[Item], str | None]:
    """The items of a page of a list that is at hand, sorted by `key`, and the cursor of the next one. Raises Problem."""
    after = read_cursor(paging.after)
    try:
        rest = sorted((one for one in items if after is None or key(one) > after), key=key)
    except TypeError:  # a cursor of another list
        raise _unusable() from None
    page = rest[: paging.limit]
    return page, cursor(key(page[-1])) if len(rest) > len(page) else None


def cursor(key: Key) -> str:
    """The cursor of what comes after the item with this key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Key | None:
    """The key in a cursor; None where the list begins. Raises Problem."""
    if not text:
        return None
    try:
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _unusable() from None
    if not isinstance(key, list) or not all(type(one) in (str, int) for one in key) or cursor(tuple(key)) != text:
        raise _unusable()
    return tuple(key)


def _unusable() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "after is no cursor of this list: send what `next` of the page before said.")
