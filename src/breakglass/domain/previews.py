# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan would change, as those who may approve it see it: found in check mode, under a lesser access. Pure.

A preview is no part of the plan: people approve the plan's digest. Which preview they were shown is journalled by a digest of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import rfc8785

from breakglass.domain.plan import Plan, Rollout
from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.domain.rules import Access

BOX = timedelta(minutes=2)
"""How long people wait for a preview at most, where the remediation does not say that it takes longer."""
MOST_LINES = 60
LONGEST_LINE = 200


@dataclass(frozen=True)
class WouldChange:
    """A task that says in check mode that it would change something.

    Attributes:
        host: Where.
        task: Its name.
        differences: What it would change in files, masked and capped as in the journal; none where it shows none.
    """

    host: str
    task: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Previewed:
    """What came of a preview.

    Attributes:
        changes: What the plan would change, in the order of the play; none where it changes nothing.
        left_out: How many more there are than are kept here; the journal has all.
        why_not: Why nobody can say what it would change; empty when that is said.
    """

    changes: tuple[WouldChange, ...] = ()
    left_out: int = 0
    why_not: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON (RFC 8785)."""
        canonical: bytes = rfc8785.dumps(self.to_json())
        return hashlib.sha256(canonical).hexdigest()

    @property
    def sentence(self) -> str:
        """In one line."""
        if self.why_not:
            return f"could not be previewed: {self.why_not}"
        number = len(self.changes) + self.left_out
        return f"would change {number} thing{'s' if number > 1 else ''}" if number else "changes nothing"

    def to_json(self) -> dict[str, object]:
        """Give it as JSON-shaped values."""
        changes = [{"host": one.host, "task": one.task, "differences": list(one.differences)} for one in self.changes]
        return {"changes": changes, "left_out": self.left_out, "why_not": self.why_not}


def preview_of(plan: Plan, access: Access, expected: timedelta | None) -> Plan:
    """The same repair in check mode, under another access; it changes nothing, so all hosts have their turn at once."""
    box = min(max(BOX, expected or BOX), access.max_time_box, timedelta(seconds=plan.time_box_seconds))
    return replace(
        plan,
        access=access.name,
        user=access.ssh.user if access.ssh else "",
        time_box_seconds=int(box.total_seconds()),
        check_mode=True,
        rollout=Rollout.TOGETHER,
    )


def preview_lines(previewed: Previewed) -> list[tuple[str, str]]:
    """Label and text of each line for those who decide; of long differences the beginning."""
    lines = list(_lines(previewed))
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], ("", f"… {len(lines) - MOST_LINES} more lines: the journal has them")]


def _lines(previewed: Previewed) -> Iterator[tuple[str, str]]:
    yield "preview", one_line(f"{previewed.sentence} (check mode)" if not previewed.why_not else previewed.sentence)
    for change in previewed.changes:
        yield "would change", one_line(f"{change.host}: {change.task}")
        for difference in change.differences:
            yield from (("", one_line(line, LONGEST_LINE)) for line in difference.splitlines())
    if previewed.left_out:
        yield "", f"… and {previewed.left_out} more: the journal has them"
