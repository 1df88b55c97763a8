# SPDX-License-Identifier: GPL-3.0-or-later
"""The one base class of every error that a person may see."""

from __future__ import annotations


class BreakglassError(Exception):
    """Raised when something can't go on; its text is a sentence for the person who reads it.

    The sentence says what failed, on what, why, and what to do next. Subclasses are nouns.
    """
