# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a session: whose grant it is, for which host, recorded before anything is reached."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from breakglass.domain.incident import State
from breakglass.errors import BreakglassError
from breakglass.sessions.host_link import HostLink
from breakglass.sessions.recording import Recording
from breakglass.sessions.session import Session
from breakglass.store.journal_queue import incident_directory
from breakglass.ways import way_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.domain.incident import Incident
    from breakglass.domain.requests import Person
    from breakglass.in_force import InForce
    from breakglass.journal import Journal
    from breakglass.requests import Requests
    from breakglass.sessions.running import Running
    from breakglass.sessions.session import Wish


class NotOfTheGrant(BreakglassError):
    """Raised when a host is none of those that the grant was opened for, or nobody logs in to it by SSH."""


class NotOpen(BreakglassError):
    """Raised when a grant is not open (yet, or any more)."""


@dataclass(frozen=True)
class Doors:
    """Begins sessions.

    Attributes:
        requests: Whose grant is whose.
        running: Where sessions live.
        journal: Where they are recorded.
        in_force: Says how hosts are reached.
        changed: Why who asked for an incident's grant may not go on using it; empty when they may.
    """

    requests: Requests
    running: Running
    journal: Journal
    in_force: InForce
    changed: Callable[[Incident], str]
    _numbering: threading.Lock = field(default_factory=threading.Lock)

    def check(self, person: Person, request: str, host: str) -> Incident:
        """The incident whose grant opens this host to this person now. Raises NoSuchRequest, NotOfTheGrant, NotOpen."""
        incident = self.requests.of(person, request)
        plan = incident.course.plan
        if plan is None or host not in plan.hosts:
            raise NotOfTheGrant(f"{request} does not open {host[:100]}; it opens {', '.join(incident.course.hosts)}.")
        if not plan.user:
            raise NotOfTheGrant(f"The access {plan.access} opens no login by SSH.")
        if incident.course.hands_out:
            raise NotOpen(f"The grant of {request} was handed out to you; ask for one that the runner uses for you.")
        if incident.state is not State.RUNNING:
            raise NotOpen(f"The grant of {request} is not open: the request is {incident.state.value}.")
        return incident

    def open(self, person: Person, request: str, host: str, wish: Wish) -> Session:
        """Begin a session. Raises what `check` raises, and BreakglassError for what can't be obtained or recorded."""
        incident = self.check(person, request, host)
        expires_at = incident.attempt.expires_at
        left = (expires_at - datetime.now(UTC)).total_seconds() if expires_at else 0.0
        way = way_to(host, self.in_force.now.connections.get(host, {}))
        with self._numbering:
            recording = self._recording(incident)
        try:
            recording.opened(self._about(person, incident, host, wish))
            login = self.running.purse.login(incident, host, recording.name)
            session = Session(
                incident.id,
                host,
                wish,
                time.monotonic() + left,
                recording,
                partial(HostLink.connect, way, login),
                partial(self.changed, incident),
            )
            self.running.begin(session)
        except BreakglassError as error:
            with suppress(BreakglassError):  # it is the journal that failed, then
                recording.ended({"why": str(error), "proven": True})
                recording.close()
                self.journal.over(recording.name)
            raise
        return session

    def _recording(self, incident: Incident) -> Recording:
        """The incident's next one."""
        directory = incident_directory(incident.id, incident.opened_at)
        there = (self.journal.directory / directory).glob("session-*.jsonl")
        numbers = [int(number) for path in there if (number := path.stem.removeprefix("session-")).isdecimal()]
        name = f"{directory}/session-{max(numbers, default=0) + 1}"
        self.journal.announce(name, incident.id)
        return Recording(self.journal.directory, name)

    def _about(self, person: Person, incident: Incident, host: str, wish: Wish) -> dict[str, JsonValue]:
        plan, until = incident.course.plan, incident.attempt.expires_at
        about: dict[str, JsonValue] = {
            "person": person.name,
            "entity": person.entity,
            "host": host,
            "user": plan.user if plan else "",
            "access": plan.access if plan else "",
            "columns": wish.columns,
            "rows": wish.rows,
            "terminal": wish.terminal,
            "until": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else "",
        }
        return about if wish.command is None else {**about, "command": self.journal.masked(wish.command)}
