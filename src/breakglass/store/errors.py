# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with the database."""

from __future__ import annotations

from breakglass.errors import BreakglassError


class DatabaseUnavailable(BreakglassError):
    """Raised when the database does not take or give what it was asked for: locked, full, broken or gone."""


class RunnerAlreadyRunning(BreakglassError):
    """Raised when another runner has the same SQLite database open, or works on PostgreSQL under the same name."""
