# SPDX-License-Identifier: GPL-3.0-or-later
"""A report before it has a form: headings and words of ours, and texts from outside, which each form makes safe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Tone(Enum):
    """How a sentence is meant."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Sentence:
    """Words of ours, and behind them a text from outside if there is one."""

    words: str
    outside: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Facts:
    """Names of ours, each with a text from outside; those without a text are left out."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A header of ours, and rows of texts from outside."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Listing:
    """Lines that stand below each other as they are: time, first word, text."""

    lines: tuple[tuple[str, str, str], ...]


Part = Sentence | Facts | Table | Listing


@dataclass(frozen=True)
class Section:
    """A heading of ours and what stands under it."""

    heading: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: Words of ours.
        about: What the report is on, a text from outside.
        made: When and from what it was made.
        sections: In order; those with nothing to say are left out.
    """

    title: str
    about: str
    made: str
    sections: tuple[Section, ...]
