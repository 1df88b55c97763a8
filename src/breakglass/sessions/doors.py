# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a session: whose grant it is, for which host, recorded before anything is reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from breakglass.domain.incident import State
from breakglass.errors import BreakglassError
from breakglass.sessions.host_link import HostLink
from breakglass.sessions.session import Session
from breakglass.ways import way_to

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.domain.incident import Incident
    from breakglass.domain.requests import Person
    from breakglass.in_force import InForce
    from breakglass.requests import Requests
    from breakglass.sessions.records import Records
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
        records: Where they are recorded.
        in_force: Says how hosts are reached.
    """

    requests: Requests
    running: Running
    records: Records
    in_force: InForce

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
        way = way_to(host, self.in_force.now.connections.get(host, {}))
        recording = self.records.begin(incident)
        try:
            recording.opened({**self.records.about(incident, host), **self._about(wish)})
            login = self.running.purse.login(incident, host, recording.name)
            session = Session(
                host, wish, self.running.under(incident, recording), partial(HostLink.connect, way, login)
            )
            self._begin(session)
        except BreakglassError as error:
            self.records.give_up(recording, str(error))
            raise
        return session

    def _begin(self, session: Session) -> None:
        try:
            self.running.begin(session)
        except BreakglassError:
            session.under.along.drop()
            raise

    def _about(self, wish: Wish) -> dict[str, JsonValue]:
        about: dict[str, JsonValue] = {"columns": wish.columns, "rows": wish.rows, "terminal": wish.terminal}
        return about if wish.command is None else {**about, "command": self.records.journal.masked(wish.command)}
