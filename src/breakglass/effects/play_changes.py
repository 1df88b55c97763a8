# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play's stream tells of a preview: which tasks of the remediation would change something, and what in files.

The texts are the journal's own: secrets are masked there already, long ones capped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.domain.previews import Previewed, WouldChange
from breakglass.effects.play_story import records_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 30
LARGEST = 16_000
"""Characters of all differences that are kept with an incident."""
OURS = "breakglass.remediation."


def read_changes(path: Path) -> Previewed:
    """Read the stream of a preview that came to its end."""
    found, kept, left = _changes(path), [], LARGEST
    for change in found[:MOST]:
        texts = tuple(_capped(change.differences, left))
        left -= sum(map(len, texts))
        kept.append(WouldChange(change.host, change.task, texts))
    return Previewed(tuple(kept), left_out=len(found) - len(kept))


def _changes(path: Path) -> list[WouldChange]:
    """The play opens its own grant outside of the remediation's role, and nobody decides about that here."""
    names: dict[str, str] = {}
    changed: dict[tuple[str, str], str] = {}
    differences: dict[tuple[str, str], list[str]] = {}
    for kind, body in records_of(path):
        task, host = str(body.get("task")), text_of(body.get("host"))
        if kind in ("task.started", "handler.started") and body.get("role"):
            names[task] = text_of(body.get("name")).removeprefix(OURS)
        elif kind == "task.changed_files" and isinstance(found := body.get("differences"), list):
            differences.setdefault((task, host), []).extend(map(text_of, found))
        elif kind == "task.result" and body.get("changed") is True and task in names:
            changed[task, host] = names[task]
    return [WouldChange(key[1], name, tuple(differences.get(key, ()))) for key, name in changed.items()]


def _capped(texts: tuple[str, ...], left: int) -> Iterator[str]:
    for text in texts:
        if left <= 0:
            return
        yield text[:left]
        left -= len(text)
