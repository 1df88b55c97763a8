# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner as a whole: everything made from the settings, started and stopped in order."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.version import COLLECTION_VERSION
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

from breakglass import __version__
from breakglass.acknowledgement import remote_acknowledgement
from breakglass.approvals import Approvals
from breakglass.digesting import EVERY_SECONDS as DIGEST_EVERY_SECONDS
from breakglass.digesting import Digesting
from breakglass.domain.draft import Note
from breakglass.domain.holds import Scope
from breakglass.domain.incident import Effect
from breakglass.drills import EVERY_SECONDS as DRILLS_EVERY_SECONDS
from breakglass.drills import Drills, incident_records
from breakglass.effects.ask import Ask
from breakglass.effects.awx_api import Awx
from breakglass.effects.escalate import Escalate
from breakglass.effects.grant import OpenGrant
from breakglass.effects.handover import Handover
from breakglass.effects.job import RunJob
from breakglass.effects.lend import Lend
from breakglass.effects.play import RunPlay
from breakglass.effects.probe import Probe
from breakglass.effects.reserve import Reserve
from breakglass.effects.revoke import CloseGrant
from breakglass.effects.runs import Runs
from breakglass.effects.work import Work
from breakglass.engine import Doer, Engine, Parts
from breakglass.errors import BreakglassError
from breakglass.heartbeat import Heartbeat
from breakglass.hold_mirror import HoldMirror
from breakglass.holding import Holding
from breakglass.housekeeping import Housekeeping
from breakglass.identity import Identity
from breakglass.in_force import InForce, Reloading, read_rules
from breakglass.installed import COLLECTIONS
from breakglass.journal import Journal
from breakglass.local_socket.listening import LocalSocket
from breakglass.local_socket.place import Place
from breakglass.own_alerts import OwnAlerts
from breakglass.pruning import EVERY_SECONDS as PRUNING_EVERY_SECONDS
from breakglass.pruning import Forgetting
from breakglass.reception import Reception
from breakglass.remediations import content_digest
from breakglass.repeating import Repeating
from breakglass.requests import Requests, not_extendable
from breakglass.restored import hold_after_restore
from breakglass.retention import Retention
from breakglass.reviews import EVERY_SECONDS as REVIEWS_EVERY_SECONDS
from breakglass.reviews import Judging, ReviewWatch
from breakglass.second_factor import SecondFactor
from breakglass.sender_watch import EVERY_SECONDS as SENDERS_EVERY_SECONDS
from breakglass.sender_watch import SenderWatch
from breakglass.sessions.doors import Doors
from breakglass.sessions.purse import Purse
from breakglass.sessions.records import Records
from breakglass.sessions.running import Running
from breakglass.shipping import Shipping
from breakglass.still_approved import StillApproved
from breakglass.store.database import Database, RunnerAlreadyRunning
from breakglass.store.digests import Digests
from breakglass.store.drills import DrillRuns
from breakglass.store.factors import Factors
from breakglass.store.given_answers import GivenAnswers
from breakglass.store.holds import Holds
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.limits import Reservations
from breakglass.store.orders import Orders
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.past_requests import PastRequests
from breakglass.store.pruning import Pruning
from breakglass.store.reviews import Reviews
from breakglass.store.runners import ALIVE, Runners
from breakglass.store.senders import Senders
from breakglass.store.sessions import Sessions
from breakglass.vault_session import VaultSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import Limits
    from breakglass.settings import Settings, VaultSettings


@dataclass(frozen=True)
class Runner:
    """A runner that is ready to start.

    Attributes:
        settings: This installation.
        reception: Where verified webhooks go.
        requests: Where people's own requests go.
        doors: Where people's sessions on hosts begin.
        approvals: What waits for people's yes.
        judging: What people say to overrides afterwards.
        identity: Says who people are.
        incidents: The store, for the page of numbers.
        holds: What nothing new may start in.
        queue: Records and streams that wait.
        engine: Works on incidents.
        session: The runner's session in Vault.
        housekeeping: Flushes and seals.
        shipping: Takes the journal's records to the sinks.
        heartbeat: Tells a dead man's switch that all is well.
        runs: Play processes.
        journal: The runner's streams.
        database: What it shares with other runners, or its alone.
        runners: Where it says that it works.
        in_force: What it decides by.
        reloading: Takes in a changed policy.
        own_alerts: How people are told of the runner itself.
        local_socket: Where people of this machine reach it.
        duties: What it does again and again: drills, looking at the senders, the digest.
    """

    settings: Settings
    reception: Reception
    requests: Requests
    doors: Doors
    approvals: Approvals
    judging: Judging
    identity: Identity
    incidents: Incidents
    holds: Holds
    queue: JournalQueue
    engine: Engine
    session: VaultSession
    housekeeping: Housekeeping
    shipping: Shipping
    heartbeat: Heartbeat
    runs: Runs
    journal: Journal
    database: Database
    runners: Runners
    in_force: InForce
    reloading: Reloading
    own_alerts: OwnAlerts
    local_socket: LocalSocket
    duties: tuple[Repeating, ...]

    def start(self) -> None:
        """Begin to work; webhooks may come in from now on."""
        self.queue.add_to_day(
            [Note("runner.started", {"pid": os.getpid(), "policy_digest": self.in_force.now.policy.digest})]
        )
        self.session.start()
        self.housekeeping.start()
        self.shipping.start()
        self.engine.start()
        self.local_socket.start()
        self.reloading.start()
        for duty in self.duties:
            duty.start()
        self.heartbeat.start(self.troubles_at_work)

    def stop(self) -> None:
        """Drain: nothing new is claimed, plays end through their guards, grants are closed, records are written."""
        self.heartbeat.stop()
        for duty in self.duties:
            duty.stop()
        self.reloading.stop()
        self.local_socket.stop()
        self.engine.stop()
        with suppress(BreakglassError):
            self.queue.add_to_day([Note("runner.stopped", {"pid": os.getpid()})])
        self.doors.running.close()
        self.housekeeping.stop()
        self.runs.close()
        self.session.close()
        self.shipping.stop()
        self.journal.close()
        with suppress(BreakglassError):
            self.runners.leave()
        self.database.close()

    def hangs(self) -> list[str]:
        """Which of its loops hang, or have died; only a restart helps. Waiting for Vault or the database is no hang."""
        pulses = (*self.engine.pulses, self.housekeeping.pulse)
        return [hang for pulse in pulses if (hang := pulse.hang())]

    def troubles(self) -> list[str]:
        """Why this runner can't do all of its work now, or why nobody outside would notice; none when all is well."""
        return [*self.troubles_at_work(), *filter(None, [self.local_socket.trouble, self.heartbeat.trouble])]

    def troubles_at_work(self) -> list[str]:
        """The same without the heartbeat's own and the local socket's: it beats while there are none of these."""
        others = (
            *self.housekeeping.troubles.values(),
            *self.shipping.troubles.values(),
            *(duty.trouble for duty in self.duties),
        )
        known = [*self.hangs(), self.session.trouble, self.engine.trouble, *others]
        return [trouble for trouble in known if trouble]


def make_runner(settings: Settings) -> Runner:
    """Make a runner from its settings; on return its first play process is warm.

    Raises:
        BreakglassError: Policy, inventory, database or journal can't be used, and why.
    """
    _require_own_collection()
    in_force = InForce(read_rules(settings))
    database = Database.open(*settings.database)
    runners = Runners(database, secrets.token_hex(8))
    _enter(runners)
    queue, incidents, holds = JournalQueue(database), Incidents(database), Holds(database)
    runs = Runs(run_directory(settings), _vault_environment(settings.vault), settings.collections)
    left_results = runs.sweep()
    runs.prepare()
    journal = Journal(settings.journal.directory, queue, secrets.token_bytes(32))
    session = VaultSession(
        connection_of(settings.vault),
        settings.vault.role_id_file,
        settings.vault.secret_id_file,
        Sessions(database, runners.instance),
    )
    identity, orders = Identity(session), Orders(database)
    handover = Handover()
    still = StillApproved(identity)
    records = Records(journal)
    purse = Purse(session, journal, run_directory(settings))
    running = Running(purse, records, still.asker_changed, in_force.opened_by)
    loans = Lend(handover, incidents.given_back, running)
    plays = RunPlay(
        runs=runs,
        handover=handover,
        journal=journal,
        inventory=settings.inventory,
        current_digest=lambda name: content_digest(in_force.now.remediations.find(name).directory),
        left_results=left_results,
    )
    # The only one may be called otherwise than before.
    one_of_several = database.runner if database.several_runners else ""
    channels = {name: channel.url_file for name, channel in settings.channels.items()}
    effects: dict[Effect, Doer] = {
        Effect.RESERVE: Reserve(
            session,
            Reservations(database, settings.concurrent_plays, lambda: in_force.now.hosts),
            _unacknowledged(settings, journal),
            holds.against,
        ),
        Effect.OPEN_GRANT: OpenGrant(
            session,
            handover,
            holds.against,
            lambda incident: still.changed(incident) or not_extendable(incidents, incident),
            one_of_several,
            frozenset(settings.awx.accesses if settings.awx else ()),
        ),
        Effect.CLOSE_GRANT: CloseGrant(session, runs, settings.journal.directory, one_of_several),
        Effect.ASK: Ask(channels, settings.public_url or ""),
        Effect.PROBE: Probe(settings.prometheus),
        Effect.ESCALATE: Escalate(
            channels, partial(incident_records, settings.journal.directory), settings.public_url or ""
        ),
    }
    parts = Parts(
        incidents,
        orders,
        runners,
        journal,
        Work(plays, loans, RunJob(Awx(settings.awx) if settings.awx else None)),
        effects,
    )
    engine = Engine(parts)
    runs.await_spare()
    reception = Reception(in_force, incidents, engine.hint, database.runner)
    own_alerts = OwnAlerts(OwnIncidents(database), lambda: in_force.now.policy, tuple(channels), engine.hint)
    hold_after_restore(journal, queue, holds, own_alerts)
    drills = Drills(DrillRuns(database), reception, settings.journal.directory)
    watch = SenderWatch(settings.sources, Senders(database), own_alerts)
    forgetting = Forgetting(Pruning(database), settings.keep_incidents, partial(_limits, in_force, Orders(database)))
    answers = GivenAnswers(database, runners.instance)
    duties = [
        Repeating("forgetting old incidents", forgetting.look, PRUNING_EVERY_SECONDS, runners.leads),
        Repeating("forgetting given answers", answers.prune, PRUNING_EVERY_SECONDS, runners.leads),
        Repeating("drills", drills.look, DRILLS_EVERY_SECONDS, runners.leads),
        Repeating("reviews", ReviewWatch(Reviews(database), own_alerts).look, REVIEWS_EVERY_SECONDS, runners.leads),
        Repeating("looking at the senders", watch.look, SENDERS_EVERY_SECONDS, runners.leads),
    ]
    if settings.digest is not None:
        digesting = Digesting(settings.digest, channels, Digests(database), DrillRuns(database), holds, own_alerts)
        duties.append(Repeating("the digest", digesting.look, DIGEST_EVERY_SECONDS, runners.leads))
    requests = Requests(in_force, incidents, queue, loans, engine.hint, PastRequests(database), database.runner)
    return Runner(
        settings=settings,
        reception=reception,
        requests=requests,
        doors=Doors(requests, running, records, in_force),
        approvals=Approvals(
            orders,
            SecondFactor(session.client, Factors(database)),
            engine.hint,
            lambda: in_force.now.policy.acting_groups,
            lambda: in_force.now.policy.people,
        ),
        judging=Judging(Reviews(database), lambda: in_force.now.policy.people),
        identity=identity,
        incidents=incidents,
        holds=holds,
        queue=queue,
        engine=engine,
        session=session,
        housekeeping=Housekeeping(
            journal, runs, session, Retention(settings.journal, session), HoldMirror(holds, session)
        ),
        shipping=Shipping(settings.journal),
        heartbeat=Heartbeat(settings.heartbeat, queue),
        runs=runs,
        journal=journal,
        database=database,
        runners=runners,
        in_force=in_force,
        reloading=Reloading(in_force, partial(read_rules, settings), queue, own_alerts),
        own_alerts=own_alerts,
        local_socket=LocalSocket(
            Place(settings.socket_path, settings.socket.group or ""),
            Holding(database, partial(holdable_names, in_force), engine.hint),
        ),
        duties=tuple(duties),
    )


def _enter(runners: Runners) -> None:
    """Take this runner's name; a process that was killed under it a moment ago is waited for."""
    until = time.monotonic() + ALIVE.total_seconds() + 2
    while True:
        try:
            return runners.enter()
        except RunnerAlreadyRunning:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def _limits(in_force: InForce, orders: Orders) -> list[Limits]:
    """Those of the policy in force, and of incidents that began under an older one and go on under it."""
    of_policy = [trigger.limits for trigger in in_force.now.policy.triggers]
    return of_policy + [incident.course.limits for incident in orders.open_incidents()]


def holdable_names(in_force: InForce, scope: Scope) -> frozenset[str]:
    """What may be held in a scope, by the rules in force."""
    if scope is Scope.HOST:
        return frozenset(in_force.now.hosts)
    policy = in_force.now.policy
    return frozenset([trigger.name for trigger in policy.triggers] + [rule.name for rule in policy.requests])


def _unacknowledged(settings: Settings, journal: Journal) -> Callable[[Incident], str]:
    missing = remote_acknowledgement(settings.journal)
    return lambda incident: missing(journal.stream_of(incident))


class ForeignCollection(BreakglassError):
    """Raised when the collection that is installed is not of the runner's version."""


def _require_own_collection() -> None:
    if __version__ != COLLECTION_VERSION:
        raise ForeignCollection(
            f"This runner is {__version__}, but the collection in {COLLECTIONS} is {COLLECTION_VERSION}. Install both from "
            "one wheel."
        )


def connection_of(vault: VaultSettings) -> Connection:
    """How Vault is reached, as the settings say and nothing else."""
    return Connection(vault.url, namespace=vault.namespace, ca_cert=str(vault.ca_cert) if vault.ca_cert else None)


def _vault_environment(vault: VaultSettings) -> dict[str, str]:
    """How a play reaches Vault; it logs in with nothing but the grant that it is given."""
    values = {"VAULT_ADDR": vault.url, "VAULT_NAMESPACE": vault.namespace, "VAULT_CACERT": vault.ca_cert}
    return {name: str(value) for name, value in values.items() if value}


def run_directory(settings: Settings) -> Path:
    """Where runs have their directories: as the settings say, else on systemd's tmpfs, else beside the database."""
    if settings.run_directory:
        return settings.run_directory
    if given := os.environ.get("RUNTIME_DIRECTORY"):  # systemd.exec(5), RuntimeDirectory=
        return Path(given) / "runs"
    if settings.database.url.startswith("sqlite:///"):
        return Path(settings.database.url.removeprefix("sqlite:///")).parent / "runs"
    return settings.journal.directory.parent / "runs"
