# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task changed in a file, as text: recorded only where BREAKGLASS_AUDIT_DIFF=1 asks for it, never under no_log.

Files hold secrets of others: besides what is masked in every record, whatever a line calls a password or token is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from ...module_utils.secret_shapes import mask_lines
from .fields import is_hidden

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._journal.redaction import Redactor

VARIABLE = "BREAKGLASS_AUDIT_DIFF"
DIFF_LIMIT = 4000
LARGEST = 200_000
"""Characters of each side: of larger files only the fact is recorded, since comparing them would hold up the play."""
MOST = 20


def are_wanted(environ: Mapping[str, str]) -> bool:
    """Whether this run records differences."""
    return environ.get(VARIABLE) == "1"


def differences(result: Mapping[str, object], redactor: Redactor) -> list[JsonValue]:
    """The differences of a result, masked and capped; none of a result that is hidden."""
    if is_hidden(result):
        return []
    found = islice((text for one in _each(result.get("diff")) if (text := _text(one))), MOST)
    # What is known goes first: masking the half of a secret that looks like one would hide it from who knows the whole.
    return [redactor.field(mask_lines(redactor.mask(text)), DIFF_LIMIT) for text in found]


def _each(diff: object) -> Iterator[Mapping[str, object]]:
    for one in diff if isinstance(diff, (list, tuple)) else (diff,):
        if isinstance(one, Mapping):
            yield one


def _text(diff: Mapping[str, object]) -> str:
    if prepared := diff.get("prepared"):
        return str(prepared)
    before, after = (_side(diff.get(name)) for name in ("before", "after"))
    if before == after:
        return ""
    if len(before) > LARGEST or len(after) > LARGEST:
        return f"(larger than {LARGEST} characters)"
    old, new = (str(diff.get(f"{side}_header") or side) for side in ("before", "after"))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
    return "\n".join(lines)


def _side(value: object) -> str:
    return str(value) if value is not None else ""
