# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people what the runner notices about itself: one call raises it, one says that it is over."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from breakglass.domain.alert import AlertStatus
from breakglass.domain.own_alerts import OwnAlert, OwnName, alert_of, course_of
from breakglass.reception import fresh_id
from breakglass.store.inbox import Arrival, Reached

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from breakglass.domain.alert import Alert
    from breakglass.domain.rules import Ladder, Policy
    from breakglass.store.own_incidents import OwnIncidents

LOG = logging.getLogger("breakglass.own_alerts")


@dataclass(frozen=True)
class OwnAlerts:
    """Raises alerts of our own. May be called from any thread, and as often as the trouble is seen.

    Attributes:
        incidents: Where they go.
        policy: Gives the policy that is in force: its defaults say whom to tell.
        channels: Of the settings, who are told when it does not say.
        hint: Called when something was taken in.
    """

    incidents: OwnIncidents
    policy: Callable[[], Policy]
    channels: Collection[str]
    hint: Callable[[], None]

    def raise_(self, alert: OwnAlert, at_most_every: timedelta = timedelta(), ladder: Ladder | None = None) -> str:
        """Tell people, once while it lasts; gives the incident, durable on return.

        Args:
            alert: What is wrong. An incident of the same name about the same that is open takes it in, and calls nobody anew.
            ladder: Whom to tell, where it is not those of the policy's defaults.
            at_most_every: When people were called because of it less than so long ago, nothing is opened.

        Raises:
            DatabaseUnavailable: Nothing was taken in; raise it again.
        """
        course = course_of(alert, self.policy(), self.channels, ladder)
        arrival = Arrival(_alert(alert, AlertStatus.FIRING), course, fresh_id())
        accepted = self.incidents.raise_(arrival, at_most_every)
        if accepted.reached is not Reached.REPEATED:
            LOG.warning("%s  %s %s: %s", accepted.incident, alert.name.value, alert.about, alert.sentence)
            self.hint()
        return accepted.incident

    def resolve(self, name: OwnName, about: str = "") -> bool:
        """Say that it is over, so that its incident ends once people were told; False when there is none.

        Raises:
            DatabaseUnavailable: It goes on; say it again.
        """
        arrival = Arrival(_alert(OwnAlert(name, about, ""), AlertStatus.RESOLVED), None, "")
        if not self.incidents.fires(arrival.alert) or not self.incidents.resolve(arrival):
            return False
        LOG.info("%s %s is over", name.value, about)
        self.hint()
        return True


def _alert(own: OwnAlert, status: AlertStatus) -> Alert:
    """Its moment is set by the store."""
    return alert_of(own, status, datetime.fromtimestamp(0, UTC))
