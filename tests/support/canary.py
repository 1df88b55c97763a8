# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for a secret in a journal, in every form that it may have got there: broken over lines, encoded, in parts."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "c4n4ry/of+a=Secret:0123-4567_89"
PART = 9
"""Characters: so long a part of the secret, or of an encoding of it, counts as the secret."""
_GAPS = re.compile(r"\\+[nrt]|%0[ad]|\s", re.IGNORECASE)


def traces(journal: Path) -> list[str]:
    """Every text of every record, in which the canary or a good part of it stands."""
    parts = _parts()
    found: list[str] = []
    for path in sorted(journal.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            texts = [text] if path.suffix != ".jsonl" else [one for line in text.splitlines() for one in _texts(line)]
            found += [f"{path.name}: {one[:300]}" for one in texts if _has(one, parts)]
    return found


def _has(text: str, parts: frozenset[str]) -> bool:
    bare = _GAPS.sub("", text)
    unmarked = _GAPS.sub("", re.sub(r"(^|\n)[-+ >#]+", "", text))
    return any(part in look for look in (text, bare, unmarked) for part in parts)


def _texts(line: str) -> Iterator[str]:
    yield line
    waiting = [json.loads(line)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            yield one


def _parts() -> frozenset[str]:
    forms = {CANARY, quote(CANARY), quote(CANARY, safe=""), json.dumps(CANARY)[1:-1], CANARY.encode().hex()}
    parts = {form[at : at + PART] for form in forms for at in range(len(form) - PART + 1)}
    for offset in range(3):  # base64 of what stands in the middle of something else
        for encode in (b64encode, urlsafe_b64encode):
            core = encode(b"x" * offset + CANARY.encode()).decode().rstrip("=")[4:-2]
            parts |= {core[at : at + PART] for at in range(len(core) - PART + 1)}
    return frozenset(parts)
