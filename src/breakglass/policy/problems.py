# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a file that people write: where, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Place:
    """A line (from 1) of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """Give `file:line`, as editors and terminals understand it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to correct."""

    file: str
    line: int
    sentence: str

    @classmethod
    def at(cls, place: Place, sentence: str) -> Problem:
        """Make the problem of one place."""
        return cls(place.file, place.line, sentence)

    def __str__(self) -> str:
        """Give `file:line: sentence`."""
        return f"{self.file}:{self.line}: {self.sentence}"


class FileProblems(BreakglassError):
    """Raised when files that people write can't be used; `problems` holds all that was found, in order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class PolicyErrors(FileProblems):
    """Raised when a policy can't be loaded."""
