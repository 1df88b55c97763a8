# SPDX-License-Identifier: GPL-3.0-or-later
"""What whoever closes an incident says it was. Pure, and light: the command line needs it before anything else."""

from __future__ import annotations

from enum import StrEnum


class Closing(StrEnum):
    """The verdict of a person who closes an escalated incident."""

    REPAIRED = "repaired"
    FALSE_ALARM = "false-alarm"
    ACCEPTED = "accepted"
