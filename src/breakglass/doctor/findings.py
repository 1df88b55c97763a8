# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check has found: a mark, what it is about, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL_OK, SOMETHING_WRONG, SOMETHING_UNKNOWN = 0, 1, 2


class Mark(Enum):
    """How it is."""

    OK = "ok"
    WRONG = "!!"
    UNKNOWN = "??"


@dataclass(frozen=True)
class Finding:
    """One line of doctor's.

    Attributes:
        mark: How it is.
        about: What was looked at, in a word or two.
        says: What was found; where something is wrong also how to mend it, where it is unknown why.
        more: Lines to be copied, as the receiver for Alertmanager.
    """

    mark: Mark
    about: str
    says: str
    more: tuple[str, ...] = ()


def ok(about: str, says: str) -> Finding:
    """All is well."""
    return Finding(Mark.OK, about, says)


def wrong(about: str, says: str, more: Sequence[str] = ()) -> Finding:
    """Something must be mended; `says` tells how."""
    return Finding(Mark.WRONG, about, says, tuple(more))


def unknown(about: str, says: str) -> Finding:
    """It could not be looked at; `says` tells why."""
    return Finding(Mark.UNKNOWN, about, says)


def exit_code(findings: Sequence[Finding]) -> int:
    """0 when all is well, 1 when something is wrong, 2 when nothing is but something could not be looked at."""
    marks = {finding.mark for finding in findings}
    if Mark.WRONG in marks:
        return SOMETHING_WRONG
    return SOMETHING_UNKNOWN if Mark.UNKNOWN in marks else ALL_OK
