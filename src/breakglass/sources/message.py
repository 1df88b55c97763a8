# SPDX-License-Identifier: GPL-3.0-or-later
"""What every source gives, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from breakglass.domain.alert import Alert


class UnreadableMessage(BreakglassError):
    """Raised when the body of a webhook is not what its sender's documentation says."""


@dataclass(frozen=True)
class Message:
    """One webhook.

    Attributes:
        alerts: In the sender's order.
        truncated: How many alerts the sender left out; more than 0 is itself escalated.
        group: The sender's key for alerts that belong together; empty if it has none.
    """

    alerts: tuple[Alert, ...]
    truncated: int
    group: str
