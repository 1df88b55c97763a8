# SPDX-License-Identifier: GPL-3.0-or-later
"""Outside text made safe to look at: nothing in it moves the cursor, hides, turns direction, or makes a line of its own."""

from __future__ import annotations

import unicodedata

_MAX_COMBINING = 4


def printable(text: str) -> str:
    r"""Return the text with every character that is not plainly visible escaped, as `\x1b` or `\u202e`.

    Escaped are control characters (line breaks and tabs too), formatting, direction and zero-width characters, lone
    surrogates, spaces other than the common one, and private or unassigned characters. After four combining marks in a
    row the others are left out, and counted: `[+96 combining]`.
    """
    if text.isascii() and text.isprintable():
        return text
    escaped = text if text.isprintable() else "".join(_visible(character) for character in text)
    return escaped if escaped.isascii() else _thinned(escaped)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    digits = f"{ord(character):02x}"
    if len(digits) <= len("1b"):
        return f"\\x{digits}"
    return f"\\u{digits:0>4}" if len(digits) <= len("202e") else f"\\U{digits:0>8}"


def _thinned(text: str) -> str:
    kept: list[str] = []
    run = 0
    for character in text:
        if unicodedata.category(character) in {"Mn", "Me"}:
            run += 1
            if run <= _MAX_COMBINING:
                kept.append(character)
            continue
        kept.append(_left_out(run))
        kept.append(character)
        run = 0
    kept.append(_left_out(run))
    return "".join(kept)


def _left_out(run: int) -> str:
    return f"[+{run - _MAX_COMBINING} combining]" if run > _MAX_COMBINING else ""
