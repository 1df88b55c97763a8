# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers with their nouns, for sentences."""

from __future__ import annotations


def count(number: int, noun: str, nouns: str = "") -> str:
    """A number and its noun, as `1 host` and `2 hosts`."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
