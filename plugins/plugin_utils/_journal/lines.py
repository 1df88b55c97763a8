# SPDX-License-Identifier: GPL-3.0-or-later
r"""Texts without their white space and line ends, and the way back: a secret that is broken over lines is still found.

Line ends are real ones, and those that another program wrote as an escape (`\n`, `%0A`). A diff, a comment or a quoted
mail begin each line with a mark, so a text is looked at twice: with those marks and without them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = r"(?:\\{1,4}[rn]|%0[ADad]|&\#1[03];|[\r\n\v\f\x85\u2028\u2029])"
_HAS_BREAK = re.compile(_END)
_GAP = re.compile(rf"(?:{_END}|\s|\\$)+", re.MULTILINE)
_MARKED_GAP = re.compile(rf"(?:{_END}|\s|\\$)+(?:[-+<>#|*\"',][ \t]*)?|[\"']{{1,3}}$", re.MULTILINE)


def has_break(text: str) -> bool:
    """Tell whether the text has more lines than one."""
    return _HAS_BREAK.search(text) is not None


def squeeze(text: str) -> str:
    """Return the text without white space and line ends."""
    return _GAP.sub("", text)


@dataclass(frozen=True)
class Squeezed:
    """A text without gaps.

    Attributes:
        text: What is left.
        pieces: For each piece between two gaps, where it begins in `text`, and where in the original.
    """

    text: str
    pieces: tuple[tuple[int, int], ...]

    @classmethod
    def plain(cls, text: str) -> Squeezed:
        """Leave out white space and line ends."""
        return cls._of(text, _GAP)

    @classmethod
    def marked(cls, text: str) -> Squeezed:
        """Leave out the mark that a line begins with, too."""
        return cls._of(text, _MARKED_GAP)

    @classmethod
    def _of(cls, text: str, gap: re.Pattern[str]) -> Squeezed:
        kept: list[str] = []
        pieces: list[tuple[int, int]] = []
        size = begin = 0
        for match in gap.finditer(text):
            if match.start() > begin:
                pieces.append((size, begin))
                kept.append(text[begin : match.start()])
                size += match.start() - begin
            begin = max(begin, match.end())
        if begin < len(text):
            pieces.append((size, begin))
            kept.append(text[begin:])
        return cls("".join(kept), tuple(pieces))

    def mask(self, original: str, secrets: re.Pattern[str], mask: str) -> str:
        """Return the original with what `secrets` finds in the squeezed text replaced, gaps inside it included."""
        masked: list[str] = []
        begin = piece = 0
        for match in secrets.finditer(self.text):
            first, piece = self._place(match.start(), piece)
            last, piece = self._place(match.end() - 1, piece)
            masked += [original[begin:first], mask]
            begin = last + 1
        masked.append(original[begin:])
        return "".join(masked)

    def _place(self, at: int, piece: int) -> tuple[int, int]:
        """Where a character of the squeezed text stands in the original; pieces before `piece` are behind us."""
        while piece + 1 < len(self.pieces) and self.pieces[piece + 1][0] <= at:
            piece += 1
        start, original = self.pieces[piece]
        return original + at - start, piece
