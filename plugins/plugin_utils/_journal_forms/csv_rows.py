# SPDX-License-Identifier: GPL-3.0-or-later
"""A record as the cells of one row, for a spreadsheet, which must take none of them for a formula.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break (OWASP, "CSV Injection") is prefixed with an
apostrophe; so is one that begins with their full-width forms, which some programs take for the same. White space in
front of such a sign does not hide it, and neither does a semicolon, at which spreadsheets of some countries begin a new
cell. Characters that can't be seen are escaped, so a cell is one line.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

from .._journal.text import printable
from .about import plain, story_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._journal.record import Record

HEADER: tuple[str, ...] = (
    "at",
    "about",
    "kind",
    "host",
    "status",
    "what",
    "stream",
    "number",
    "id",
    "body",
)
"""The names of the columns."""
LONGEST_CELL = 32_000
"""Characters; a spreadsheet takes 32,767."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_AFTER_SEMICOLON = re.compile(r"(;[\s\"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_WHAT = ("name", "why", "what", "play", "trigger", "by", "accessor", "stream", "msg")


def to_row(record: Record) -> list[str]:
    """Return the cells of a record's row, in the order of `HEADER`."""
    body = record.body
    what = next((text for name in _WHAT if (text := plain(body.get(name)))), "")
    cells = [
        record.at,
        story_of(record.origin),
        record.kind,
        plain(body.get("host")),
        next((text for name in ("status", "outcome", "result") if (text := plain(body.get(name)))), ""),
        what,
        record.origin,
        str(record.seq),
        record.id,
        json.dumps(dict(body), ensure_ascii=False, sort_keys=True),
    ]
    return [safe_cell(cell) for cell in cells]


def safe_cell(text: str) -> str:
    """Return a cell that is text to every spreadsheet, on one line."""
    shown = _AFTER_SEMICOLON.sub(r"\1'", printable(text))
    if len(shown) > LONGEST_CELL:
        shown = f"{shown[:LONGEST_CELL]}…"
    begins = text.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA)
    in_quotes = shown.lstrip(" \"'").startswith(_FORMULA) and not shown.startswith(
        "'"
    )  # a program may read it without them
    return f"'{shown}" if begins or in_quotes else shown


def line_of_cells(cells: Sequence[str]) -> str:
    """Return the cells as a line of CSV (RFC 4180), its end included."""
    line = io.StringIO(newline="")
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()
