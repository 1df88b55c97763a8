# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as people write them: `90s`, `10m`, `2h`, `1d`; one unit each."""

from __future__ import annotations

import re
from datetime import timedelta

from .._errors import BreakglassError

_FORM = re.compile(r"([1-9][0-9]{0,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class UnreadableDuration(BreakglassError):
    """Raised when a text is not a duration."""


def duration(text: str) -> timedelta:
    """Read a duration; raises UnreadableDuration."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise UnreadableDuration("A duration must be a whole number with one unit, as 90s, 10m, 2h or 1d.")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
