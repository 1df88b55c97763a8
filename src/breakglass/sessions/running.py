# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that go on in this runner: in a loop of their own, so that no webhook waits for a terminal; ended with their loan, or gone over."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from breakglass.errors import BreakglassError
from breakglass.sessions.along import Along
from breakglass.sessions.records import ends_at
from breakglass.sessions.session import Under

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import VaultCredential
    from breakglass.effects.lend import Loan
    from breakglass.sessions.purse import Purse
    from breakglass.sessions.recording import Recording
    from breakglass.sessions.records import Records
    from breakglass.sessions.session import Session

LOG = logging.getLogger("breakglass.sessions")
MOST: Final = 64
MOST_OF_ONE: Final = 8
END_LIMIT_SECONDS: Final = 60.0
GO_ON_SECONDS: Final = 10.0
NOT_GOING_ON: Final = "A session of %s on %s does not go on under %s: %s"


class TooManySessions(BreakglassError):
    """Raised when no further session can begin now."""


class LoanIsOver(BreakglassError):
    """Raised when a session begins a moment after its grant was given back."""


@dataclass
class _Live:
    session: Session
    done: Future[str]
    over: threading.Event = field(default_factory=threading.Event)
    """Set when what is left of it is known: who waits for `done` alone may be told before that."""


@dataclass
class Running:
    """All sessions, by the incident of their grant.

    Attributes:
        purse: The grants that they are under.
        records: Where they are recorded.
        changed: Why who asked for an incident's grant may not go on using it; empty when they may.
        opens: What an access opens besides SSH, by its name.
    """

    purse: Purse
    records: Records
    changed: Callable[[Incident], str]
    opens: Callable[[str], Sequence[VaultCredential]]
    _live: dict[str, list[_Live]] = field(default_factory=dict)
    _left: dict[str, list[str]] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where sessions live; it turns from its first use on."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="sessions", daemon=True)
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """Have the loop stop; every loan has ended its sessions before."""
        with self._starting:
            if self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()
                self._loop = None

    def take(self, incident: Incident, loan: Loan) -> None:
        """Have a grant, under which sessions may begin; those of the one that it extends go over to it. Raises BreakglassError."""
        with self._lock:
            self._open.add(incident.id)
        try:
            self.purse.take(incident, loan)
        except BreakglassError:
            with self._lock:
                self._open.discard(incident.id)
            raise
        extends = incident.course.extends
        with self._lock:
            live = list(self._live.get(extends, ()))
        for one in live:
            self._go_on(one, extends, incident)

    def under(self, incident: Incident, recording: Recording) -> Under:
        """What a session is under, with the database users that it has of this grant. Never raises."""
        plan = incident.course.plan
        along = Along.of(self.purse, incident, self.opens(plan.access) if plan else ())
        return Under(incident.id, ends_at(incident), recording, partial(self.changed, incident), along)

    def begin(self, session: Session) -> None:
        """Let a session live. Raises TooManySessions, LoanIsOver."""
        with self._lock:
            incident = session.under.incident
            if incident not in self._open:
                raise LoanIsOver(f"The grant of {incident} is over.")
            mine = self._live.setdefault(incident, [])
            if len(mine) >= MOST_OF_ONE or sum(map(len, self._live.values())) >= MOST:
                raise TooManySessions(f"There are {MOST_OF_ONE} sessions of this grant, or {MOST} at all: end one.")
            live = _Live(session, asyncio.run_coroutine_threadsafe(session.run(), self.loop))
            mine.append(live)
        live.done.add_done_callback(lambda done: self._is_over(live, done))

    def end(self, incident: str, why: str) -> str:
        """End all sessions of an incident, whose loan is over, and wait for it; what can't be proven ended, in words."""
        with self._lock:
            self._open.discard(incident)
            live = list(self._live.get(incident, ()))
        for one in live:
            self.loop.call_soon_threadsafe(one.session.end, why)
        late = [one.session.host for one in live if not one.over.wait(END_LIMIT_SECONDS)]
        self.purse.forget(incident)
        with self._lock:
            self._live.pop(incident, None)
            left = self._left.pop(incident, [])
        left += [f"the session on {host} has not come to its end within {END_LIMIT_SECONDS:.0f} s" for host in late]
        return "; ".join(left)

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            return sum(map(len, self._live.values()))

    def _go_on(self, live: _Live, before: str, incident: Incident) -> None:
        """Have a session go over to another grant; one that can't ends with the one before, and says why.

        Where its record can't be written for long, that is not waited for, and not called back either: what is being written may come
        to stand there. It goes over, or ends with the grant before, when that is clear, and its records say the same.
        """
        session = live.session
        try:
            under = self.under(incident, self.records.begin(incident))
        except BreakglassError as error:
            LOG.warning(NOT_GOING_ON, before, session.host, incident.id, error)
            return
        about = self.records.about(incident, session.host)
        moving = asyncio.run_coroutine_threadsafe(self._move(live, before, under, about), self.loop)
        try:
            moving.result(GO_ON_SECONDS)
        except TimeoutError:
            LOG.warning(NOT_GOING_ON, before, session.host, incident.id, "its record can't be written yet")

    async def _move(self, live: _Live, before: str, under: Under, about: Mapping[str, JsonValue]) -> None:
        """From the session's one grant to the other, with all that is kept of it."""
        session, ended = live.session, live.session.under.recording.name
        try:
            await session.go_on(under, about)
        except BreakglassError as error:
            LOG.warning(NOT_GOING_ON, before, session.host, under.incident, error)
            await asyncio.to_thread(under.along.drop)
            await asyncio.to_thread(self.records.give_up, under.recording, f"it did not go on: {error}")
            return
        with self._lock:
            if live in self._live.get(before, ()):
                self._live[before].remove(live)
                self._live.setdefault(under.incident, []).append(live)
        with suppress(BreakglassError):  # then it is sealed with its incident
            await asyncio.to_thread(self.records.journal.over, ended)

    def _is_over(self, live: _Live, done: Future[str]) -> None:
        error = done.exception()
        if error is not None:
            LOG.error("A session of %s failed for a fault of ours.", live.session.under.incident, exc_info=error)
        left = f"the session on {live.session.host} failed, and nobody saw its end" if error else done.result()
        with self._lock:
            for incident in [name for name, sessions in self._live.items() if live in sessions]:
                self._live[incident].remove(live)
                if left:
                    self._left.setdefault(incident, []).append(left)
        live.over.set()
        try:
            self.records.journal.over(live.session.under.recording.name)
        except BreakglassError as trouble:  # then it is sealed with its incident
            LOG.error("%s", trouble)  # noqa: TRY400 (a sentence for people)
