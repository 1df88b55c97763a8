# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at what is known of the senders again and again: whose alerts get lost is told to people, and when that is over.

The webhooks only write down what has happened, so that a flood of them costs nothing here, and no restart forgets any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.domain.senders import AT_MOST_EVERY, over, troubles

if TYPE_CHECKING:
    from collections.abc import Collection

    from breakglass.own_alerts import OwnAlerts
    from breakglass.store.senders import Senders

EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class SenderWatch:
    """What `look` finds to tell of the senders.

    Attributes:
        sources: Names of the sources of the settings; what is known of others is over.
        senders: What is known.
        own_alerts: How people are told.
    """

    sources: Collection[str]
    senders: Senders
    own_alerts: OwnAlerts

    def look(self) -> None:
        """Look once. Raises DatabaseUnavailable; then the next look does it."""
        known, now = self.senders.all()
        for sender in known:
            configured = sender.source in self.sources
            raised = troubles(sender, now) if configured else ()
            for alert in raised:
                self.own_alerts.raise_(alert, AT_MOST_EVERY[alert.name])
            for name in over(sender, now) if configured else AT_MOST_EVERY:
                self.own_alerts.resolve(name, sender.source)
