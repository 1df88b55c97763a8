# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminal output that may be played: what draws is let through, what could make a terminal answer, act or remember is not. Pure.

A list of what is let through, not of what is dropped (ECMA-48; https://invisible-island.net/xterm/ctlseqs/ctlseqs.html):
no window titles, clipboard, hyperlinks, notifications or printing, no reports, no modes by which a terminal sends input
of its own (mouse, focus, bracketed paste), no device control strings.
"""

from __future__ import annotations

import re
from typing import Final

DRAWING: Final = frozenset("ABCDEFGHIJKLMPSTXZ@`abdefgmrsu")
MODES: Final = frozenset({"1", "7", "12", "25", "47", "1047", "1048", "1049"})
"""Private modes that only draw: cursor keys, wrap, blinking and hidden cursor, alternate screen."""
PLAIN_CONTROLS: Final = frozenset("\b\t\n\v\f\r\x0e\x0f")
ONE_MORE: Final = frozenset("78=>DEHMc")
CHARSETS: Final = frozenset("()*+")
DESIGNATED: Final = frozenset("0AB")
"""Line drawing, British, ASCII."""
STRINGS: Final = frozenset("]PX^_")
LONGEST_SEQUENCE: Final = 64
LONGEST_STRING: Final = 4096
RESET: Final = "\x1b[0m\x1b[?25h\x1b[?1049l\x1b(B\x0f\x1b[r"
"""Ends what a recording may have left on: colours, hidden cursor, alternate screen, line drawing, scrolling region."""
_CSI: Final = re.compile(r"\x1b\[([0-9;:]*)([@-~])")
_MODE: Final = re.compile(r"\x1b\[\?([0-9;]+)([hl])")


class Harmless:
    """Filters a recording piece by piece; a sequence may lie across two."""

    def __init__(self) -> None:
        self._sequence = ""

    def feed(self, text: str) -> str:
        """The part of it, and of what was kept back before, that may be played now."""
        return "".join(map(self._take, text))

    def _take(self, one: str) -> str:
        if self._sequence:
            return self._in_sequence(one)
        if one == "\x1b":
            self._sequence = one
            return ""
        return one if one in PLAIN_CONTROLS or (one >= " " and not "\x7f" <= one <= "\x9f") else ""

    def _in_sequence(self, one: str) -> str:
        if one in "\x18\x1a":  # CAN and SUB end any sequence
            self._sequence = ""
            return ""
        if one == "\x1b":
            self._sequence = one
            return ""
        self._sequence += one
        kind = self._sequence[1]
        if kind in STRINGS:
            over = one in "\x07\x9c" or len(self._sequence) > LONGEST_STRING
            self._sequence = "" if over else self._sequence
            return ""
        if kind == "[":
            return self._in_csi(one)
        if kind in CHARSETS or " " <= kind <= "/":
            return self._ended(kind in CHARSETS and one in DESIGNATED, is_over=len(self._sequence) > 2)  # noqa: PLR2004 (ESC, kind, charset)
        return self._ended(kind in ONE_MORE, is_over=True)

    def _in_csi(self, one: str) -> str:
        if len(self._sequence) > LONGEST_SEQUENCE or not " " <= one <= "~":
            return self._ended(False, is_over=True)
        if len(self._sequence) == 2 or not "@" <= one <= "~":  # noqa: PLR2004 (ESC and [)
            return ""
        return self._ended(may_be_played(self._sequence), is_over=True)

    def _ended(self, played: bool, *, is_over: bool) -> str:  # noqa: FBT001
        sequence = self._sequence
        if is_over:
            self._sequence = ""
        return sequence if played and is_over else ""


def may_be_played(sequence: str) -> bool:
    """Whether a whole control sequence only draws."""
    if mode := _MODE.fullmatch(sequence):
        return all(number in MODES for number in mode[1].split(";"))
    plain = _CSI.fullmatch(sequence)
    return plain is not None and plain[2] in DRAWING
