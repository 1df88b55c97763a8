# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending the digest when it is due, and again until its channel has taken it, over restarts too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.channels import deliver
from breakglass.domain.digest import IN_VAIN
from breakglass.domain.draft import Note
from breakglass.domain.own_alerts import OwnAlert, OwnName
from breakglass.effects.digest_text import counts, digest_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from breakglass.domain.digest import Standing
    from breakglass.own_alerts import OwnAlerts
    from breakglass.settings_digest import DigestSettings
    from breakglass.store.digests import Digests
    from breakglass.store.drills import DrillRuns
    from breakglass.store.holds import Holds

EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Digesting:
    """What `look` sends when it is due.

    Attributes:
        settings: To whom, and when.
        channels: Name to the file that holds the channel's Apprise URL.
        digests: How it stands, and what there is to tell.
        drills: Those that ended are told.
        holds: Those that stand are told.
        own_alerts: How people hear that the channel does not take it.
    """

    settings: DigestSettings
    channels: Mapping[str, Path]
    digests: Digests
    drills: DrillRuns
    holds: Holds
    own_alerts: OwnAlerts

    def look(self) -> None:
        """Look once, and send it if it is due. Raises DatabaseUnavailable; then the next look does it."""
        standing = self.digests.look(self.settings.schedule)
        if standing is not None:
            self._send(standing)

    def _send(self, standing: Standing) -> None:
        period = self.digests.since(standing.told_until)
        drills, holds = self.drills.ended_between(period.since, period.until), self.holds.standing()
        text = digest_text(period, drills, holds)
        why = deliver(self.channels, self.settings.to, text.subject, text.body)
        told = {"channel": self.settings.to, "since": period.since.isoformat(), "until": period.until.isoformat()}
        if why:
            self._not_taken(self.digests.failed(standing, Note("digest.not_delivered", {**told, "why": why})), why)
            return
        note = Note("digest.delivered", {**told, "counts": counts(period, drills, holds)})
        self.digests.delivered(standing, period.until, note)
        self.own_alerts.resolve(OwnName.DIGEST_NOT_DELIVERED)

    def _not_taken(self, standing: Standing, why: str) -> None:
        if standing.failures < IN_VAIN or standing.due_at is None:
            return
        sentence = (
            f"the digest that was due at {standing.due_at:%Y-%m-%d %H:%M} UTC does not reach the channel {self.settings.to}: "
            f"{why}. It goes on being tried. Look at channels.{self.settings.to} of the settings, and at who is behind it."
        )
        self.own_alerts.raise_(OwnAlert(OwnName.DIGEST_NOT_DELIVERED, "", sentence))
