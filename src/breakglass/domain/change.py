# SPDX-License-Identifier: GPL-3.0-or-later
"""One difference between two policies, and which way it goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """Which way a change goes."""

    MORE = "more"
    LESS = "less"
    SAME = "same"


@dataclass(frozen=True)
class Change:
    """One difference, as a sentence without its subject's kind: `trigger web: mode is act, was observe`."""

    effect: Effect
    sentence: str
