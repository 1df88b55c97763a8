# SPDX-License-Identifier: GPL-3.0-or-later
"""One monitoring event, normalised from any sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

REQUEST = "request"
"""The source of what is no alert: somebody asks for an access (firing), and gives it back (resolved)."""
DRILL = "drill"
"""The source of the synthetic alerts of drills."""
OWN = "breakglass"
"""The source of what the runner notices about itself."""
OURS = (REQUEST, DRILL, OWN)
"""Sources that no sender of the settings can be called like."""


class AlertStatus(StrEnum):
    """Whether the fault is there."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """What one sender says of one fault. Every text in it is outside text: data, never code.

    Attributes:
        source: Name of the source in the settings that received it.
        fingerprint: The sender's identity of the fault; the same for firing and resolved.
        group: The sender's key for alerts that belong together; empty if it has none.
        status: Firing or resolved.
        labels: Names and values, as sent.
        annotations: Names and values, as sent.
        starts_at: When the fault began, by the sender's clock (aware, UTC).
        url: Where the sender shows it; shown as text only.
    """

    source: str
    fingerprint: str
    group: str
    status: AlertStatus
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    url: str = ""

    @property
    def name(self) -> str:
        """The label `alertname`, or the fingerprint when there is none."""
        return self.labels.get("alertname") or self.fingerprint
