# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts from outside, quoted for people: one line, no control characters, capped. Pure."""

from __future__ import annotations

LONGEST = 300


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text as one line of at most so many characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
