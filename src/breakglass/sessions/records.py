# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of an incident's sessions: each a stream of its own, numbered, and named in the ledger before it is there."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.sessions.recording import Recording
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.domain.incident import Incident
    from breakglass.journal import Journal


@dataclass(frozen=True)
class Records:
    """Begins them.

    Attributes:
        journal: Where they are.
    """

    journal: Journal
    _numbering: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, incident: Incident) -> Recording:
        """The incident's next one. Raises BreakglassError."""
        directory = incident_directory(incident.id, incident.opened_at)
        with self._numbering:
            there = (self.journal.directory / directory).glob("session-*.jsonl")
            numbers = [int(number) for path in there if (number := path.stem.removeprefix("session-")).isdecimal()]
            name = f"{directory}/session-{max(numbers, default=0) + 1}"
            self.journal.announce(name, incident.id)
            return Recording(self.journal.directory, name)

    def give_up(self, recording: Recording, why: str) -> None:
        """End a record of which nothing came, as far as it can be written."""
        with suppress(BreakglassError):
            recording.ended({"why": why, "proven": True})
            recording.close()
            self.journal.over(recording.name)

    def about(self, incident: Incident, host: str) -> dict[str, JsonValue]:
        """Whose session it is, where, under which access, until when."""
        plan, until = incident.course.plan, incident.attempt.expires_at
        name, _, entity = incident.course.owner.rpartition(" ")
        return {
            "person": name,
            "entity": entity,
            "host": host,
            "user": plan.user if plan else "",
            "access": plan.access if plan else "",
            "until": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else "",
        }


def ends_at(incident: Incident) -> float:
    """When its grant is over, by the monotonic clock."""
    until = incident.attempt.expires_at
    return time.monotonic() + ((until - datetime.now(UTC)).total_seconds() if until else 0.0)
