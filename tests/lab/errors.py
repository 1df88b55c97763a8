# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with the lab itself."""

from __future__ import annotations

from breakglass.errors import BreakglassError


class BrokenLab(BreakglassError):
    """Raised when a part of the lab does not come up, or is not as it was left."""


class MissingPart(BreakglassError):
    """Raised when this machine has not what the lab needs: root, packages, a base, a kernel that can do it."""


class FailedCommand(BreakglassError):
    """Raised when a command on a host of the lab fails that was to succeed."""


class UnknownFault(BreakglassError):
    """Raised when there is no such fault, or it can't happen to this host."""
