# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: claim an incident, decide, commit the intent, do the effect, commit the result; again and again.

What holds: an effect starts only after its intent is in the database and in the journal, both synced; whatever crashes,
the next claim finds the intent and calls the outcome unknown; a fenced engine writes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from breakglass.domain.deciding import decide
from breakglass.domain.incident import Effect
from breakglass.domain.messages import AlertArrived, Interrupted, NotStarted
from breakglass.errors import BreakglassError
from breakglass.pulse import Pulse
from breakglass.ripening import Ripening
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.incidents import Committed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Message, Outcome
    from breakglass.journal import Journal
    from breakglass.store.incidents import Claimed, Incidents
    from breakglass.store.orders import Orders
    from breakglass.store.runners import Runners

Answer = TypeVar("Answer")

LOG = logging.getLogger("breakglass.engine")
POLL_SECONDS = 0.5
RENEW_SECONDS = 2.5
GIVE_UP_SECONDS = 7.0  # before the lease of ten seconds runs out
PAUSE_AFTER_TROUBLE_SECONDS = 2.0
TURN_SECONDS = 90.0
"""The most that a turn of a loop takes. With SQLite, four looks that each wait for their turn (2 s), for a connection and
for the lock (1.5 s each), and a pause, are 22 s, and the rest is for a slow disk. With PostgreSQL, a name that no name
server answers for takes a minute, a dead connection, a new one and a statement that hangs take 12 s."""
THREADS = 16
BEGINNINGS = (Effect.RESERVE, Effect.OPEN_GRANT, Effect.RUN_PLAY)


class LostName(BreakglassError):
    """Raised when another process has taken the name under which this runner works."""


class Doer(Protocol):
    """An effect."""

    def run(self, incident: Incident) -> Outcome:
        """Do it, and say what came of it. Never raises for what the world may do."""
        ...


class Plays(Doer, Protocol):
    """The effect that can outlive its runner, and that must be ended when the runner may not go on."""

    def recover(self, incident: Incident) -> Outcome:
        """What became of a dead runner's play: its outcome if it left one, else `Interrupted`."""
        ...

    def end(self, incident: str) -> None:
        """End this incident's play, if one runs, because a person has cancelled the incident."""
        ...

    def end_all(self) -> None:
        """End every play, and every one that begins, until `allow`."""
        ...

    def allow(self) -> None:
        """Plays may run again."""
        ...

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These incidents are this runner's until then (seconds of the monotonic clock); a play ends when nobody says so."""
        ...


@dataclass(frozen=True)
class Parts:
    """What the engine works with.

    Attributes:
        incidents: The store.
        orders: What people say to incidents.
        runners: Where the runners of the database are known.
        journal: Where records go before their effect starts.
        plays: Does `run-play`.
        effects: One doer for each other effect.
    """

    incidents: Incidents
    orders: Orders
    runners: Runners
    journal: Journal
    plays: Plays
    effects: Mapping[Effect, Doer]


class Engine:
    """Works on incidents in background threads until it is stopped.

    Attributes:
        pulses: Of its two loops: who claims incidents, and who keeps their leases.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._drained = threading.Event()
        self._working: set[tuple[str, int]] = set()
        self._ripening = Ripening()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="incident")
        self._dispatcher = threading.Thread(target=self._dispatch, name="engine", daemon=True)
        self._keeper = threading.Thread(target=self._keep_leases, name="leases", daemon=True)
        self._dispatching = Pulse("the dispatcher of its engine", TURN_SECONDS)
        self._keeping = Pulse("the keeper of its leases", TURN_SECONDS)
        self.pulses = (self._dispatching, self._keeping)
        self._working_trouble = ""
        self._lease_trouble = ""
        self._has_name = True

    @property
    def trouble(self) -> str:
        """Why it can't do all of its work now; empty when it can. That leases can't be renewed is not over with the next claim."""
        return self._lease_trouble or self._working_trouble

    def start(self) -> None:
        """Take over what a dead runner left, and begin."""
        self._parts.incidents.forget_leases()
        for pulse in self.pulses:
            pulse.turned()
        self._dispatcher.start()
        self._keeper.start()

    def hint(self) -> None:
        """Something came in; look at once."""
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing new, end the plays through their guards, close their grants, and return when all is written."""
        self._stopping.set()
        self._wake.set()
        self._parts.plays.end_all()
        self._dispatcher.join()
        self._pool.shutdown(wait=True)
        self._drained.set()
        self._keeper.join()

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            self._dispatching.turned()
            self._wake.clear()
            try:
                self._require_name()
                working = [incident for incident, _ in self._working.copy()]
                ripe = self._ripening.look(self._parts.incidents.expired(), time.monotonic())
                claimed = self._parts.incidents.claim(working, ripe)
                self._end_cancelled(working)
                self._working_trouble = ""
            except BreakglassError as error:
                self._ripening.forget()
                self._working_trouble = str(error)
                LOG.error("%s", error)  # noqa: TRY400 (a sentence for people; its trace helps nobody)
                self._stopping.wait(PAUSE_AFTER_TROUBLE_SECONDS)
                continue
            if claimed is None:
                self._wake.wait(POLL_SECONDS)
            else:
                self._working.add((claimed.incident.id, claimed.fence))
                self._pool.submit(self._work_on, claimed)

    def _end_cancelled(self, working: Sequence[str]) -> None:
        """Those who are at an effect can't hear; a play that a person has cancelled is ended from here."""
        for incident in self._parts.orders.to_end(working) if working else ():
            self._parts.plays.end(incident)

    def _work_on(self, claimed: Claimed) -> None:
        try:
            self._advance(claimed)
        except BreakglassError as error:
            self._working_trouble = str(error)
            LOG.error("%s: %s", claimed.incident.id, error)  # noqa: TRY400
        except Exception:
            self._working_trouble = f"{claimed.incident.id} can't be worked on; see the log"
            LOG.exception(
                "%s: a fault of ours; the incident is claimed again when its lease is over", claimed.incident.id
            )
        finally:
            self._working.discard((claimed.incident.id, claimed.fence))
            self._wake.set()

    def _advance(self, claimed: Claimed) -> None:
        """Work on a claimed incident until it waits, is closed, or belongs to someone else."""
        news: Sequence[Message] = ()
        if claimed.incident.effect is not None:
            lost = claimed.incident.effect is Effect.RUN_PLAY
            news = (self._parts.plays.recover(claimed.incident) if lost else Interrupted(),)
        while True:
            alerts = [AlertArrived(alert) for alert in claimed.alerts]
            decision = decide(claimed.incident, [*news, *alerts, *claimed.orders], claimed.at)
            stream = self._parts.journal.stream_of(claimed.incident)
            committed = self._insist(partial(self._parts.incidents.commit, claimed, decision, stream))
            if committed is Committed.FENCED:
                LOG.warning("%s belongs to another runner now", claimed.incident.id)
                return
            if committed is Committed.MORE_CAME:
                claimed = self._parts.incidents.read_again(claimed)
                continue
            if decision.incident.effect is None:
                self._flush(stream)
                return
            news = (self._do(decision.incident, stream),)
            claimed = self._insist(partial(self._parts.incidents.after_effect, claimed, decision.incident))

    def _insist(self, ask: Callable[[], Answer]) -> Answer:
        """Ask the database, and again while it can't answer and the lease may be good: outcomes must not be lost."""
        until = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                return ask()
            except DatabaseUnavailable as error:
                self._working_trouble = str(error)
                if time.monotonic() > until:
                    raise
                self._drained.wait(POLL_SECONDS)

    def _do(self, incident: Incident, stream: str) -> Outcome:
        effect = incident.effect
        if effect is None or (self._stopping.is_set() and effect in BEGINNINGS):
            return NotStarted("the runner is stopping")
        try:
            self._insist(partial(self._parts.journal.flush, stream))
        except BreakglassError as error:
            if effect in BEGINNINGS:
                return NotStarted(f"nothing starts that can't be recorded: {error}", may_last=True)
            LOG.error("%s: %s", incident.id, error)  # noqa: TRY400
        doer: Doer = self._parts.plays if effect is Effect.RUN_PLAY else self._parts.effects[effect]
        return doer.run(incident)

    def _flush(self, stream: str) -> None:
        try:
            self._parts.journal.flush(stream)
        except BreakglassError as error:
            self._working_trouble = str(error)
            LOG.error("%s", error)  # noqa: TRY400

    def _keep_leases(self) -> None:
        """Renew what is worked on; end the plays before the leases run out when that is impossible."""
        renewed = time.monotonic()
        while not self._drained.is_set():
            began = time.monotonic()
            self._keeping.turned()
            try:
                self._renew(began + GIVE_UP_SECONDS)
                renewed = began
                self._lease_trouble = ""
                if not self._stopping.is_set():
                    self._parts.plays.allow()
                if self._stopping.is_set():  # `stop` may have come in between
                    self._parts.plays.end_all()
            except BreakglassError as error:
                self._lease_trouble = str(error)
                if time.monotonic() - renewed > GIVE_UP_SECONDS:
                    LOG.critical(
                        "The leases could not be renewed for %.0f s: all plays are ended now.", GIVE_UP_SECONDS
                    )
                    self._parts.plays.end_all()
            self._drained.wait(RENEW_SECONDS)

    def _renew(self, until: float) -> None:
        """Say that this runner works, prolong its leases, and let go on what is still its own; raises BreakglassError."""
        self._has_name = self._parts.runners.seen()
        self._require_name()
        kept = self._parts.incidents.renew(dict(sorted(self._working.copy())))
        self._parts.plays.keep(kept, until)

    def _require_name(self) -> None:
        if not self._has_name:
            raise LostName("Another process works under this runner's name, so this one does nothing more: stop it.")
