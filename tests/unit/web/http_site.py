# SPDX-License-Identifier: GPL-3.0-or-later
"""A real runner that is not started, its application, and a client that speaks ASGI with it: no socket, no server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

from breakglass.approvals import Approvals
from breakglass.demo.installation import Installation, write_inventory, write_settings
from breakglass.domain.incident import Effect
from breakglass.effects.escalate import Escalate
from breakglass.effects.handover import Handover
from breakglass.effects.lend import Lend
from breakglass.effects.play import RunPlay
from breakglass.effects.runs import Runs
from breakglass.engine import Engine, Parts
from breakglass.heartbeat import Heartbeat
from breakglass.hold_mirror import HoldMirror
from breakglass.holding import Holding
from breakglass.housekeeping import Housekeeping
from breakglass.identity import Identity
from breakglass.in_force import InForce, Reloading, Rules
from breakglass.installed import installed_remediations
from breakglass.inventory import read_inventory
from breakglass.journal import Journal
from breakglass.local_socket.listening import LocalSocket
from breakglass.local_socket.place import Place
from breakglass.own_alerts import OwnAlerts
from breakglass.policy.load import load_policy
from breakglass.reception import Reception
from breakglass.requests import Requests
from breakglass.retention import Retention
from breakglass.reviews import Judging
from breakglass.runner import Runner
from breakglass.second_factor import SecondFactor
from breakglass.sessions.doors import Doors
from breakglass.sessions.purse import Purse
from breakglass.sessions.records import Records
from breakglass.sessions.running import Running
from breakglass.settings import Settings, load_settings
from breakglass.shipping import Shipping
from breakglass.store.database import Database
from breakglass.store.factors import Factors
from breakglass.store.holds import Holds
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.orders import Orders
from breakglass.store.own_incidents import OwnIncidents
from breakglass.store.past_requests import PastRequests
from breakglass.store.reviews import Reviews
from breakglass.store.runners import Runners
from breakglass.store.sessions import Sessions
from breakglass.vault_session import VaultSession
from breakglass.web.app import make_app

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.rules import Policy

HOOK = "/webhooks/alertmanager"
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """The sentence of a problem (RFC 9457)."""
        problem = json.loads(self.body)
        assert self.headers["content-type"] == "application/problem+json"
        assert problem["status"] == self.status
        detail: str = problem["detail"]
        return detail

    @property
    def reached(self) -> list[str]:
        return [alert["reached"] for alert in json.loads(self.body)["alerts"]]


@dataclass(frozen=True)
class Written:
    """What an installation's files say, read once; nothing in it changes."""

    place: Installation
    token: str
    settings: Settings
    policy: Policy
    hosts: dict[str, frozenset[str]]


def write(directory: Path) -> Written:
    """Write the files of an installation whose Vault and channel are not there, and read them."""
    place = Installation(directory, directory)
    token = write_settings(place, "http://127.0.0.1:9", "json://127.0.0.1:9/")
    write_inventory(place, 22, ["true"], ["true"], "http://127.0.0.1:9/")
    settings, inventory = load_settings(place.settings), read_inventory(place.inventory)
    policy = load_policy(
        settings.policy, channels=settings.channels, remediations=installed_remediations(), groups=inventory.groups
    )
    return Written(place, token, settings, policy, dict(inventory.hosts))


def make_idle_runner(written: Written, directory: Path) -> Runner:
    """A runner of these files on a database and a journal of its own."""
    database = Database.open(f"sqlite:///{directory}/breakglass.db")
    queue, incidents = JournalQueue(database), Incidents(database)
    journal = Journal(directory / "journal", queue, b"k" * 32)
    vault = written.settings.vault
    session = VaultSession(Connection(vault.url), vault.role_id_file, vault.secret_id_file, Sessions(database))
    runs = Runs(directory / "runs", {})
    plays = RunPlay(runs, Handover(), journal, written.settings.inventory, lambda _: "", {})
    runners = Runners(database, "this process")
    parts = (incidents, Orders(database), runners, journal)
    engine = Engine(Parts(*parts, plays, {Effect.ESCALATE: Escalate({})}))
    rules = Rules(written.policy, written.hosts, installed_remediations())
    in_force = InForce(rules)
    reception = Reception(in_force, incidents, engine.hint)
    holds = Holds(database)
    keeping = (Retention(written.settings.journal, session), HoldMirror(holds, session))
    house = Housekeeping(journal, runs, session, *keeping)
    running = Running(
        Purse(session, journal, directory / "runs"), Records(journal), lambda _incident: "", lambda _incident: ()
    )
    requests = Requests(
        in_force, incidents, queue, Lend(Handover(), incidents.given_back, running), engine.hint, PastRequests(database)
    )
    doors = Doors(requests, running, running.records, in_force)
    approvals = Approvals(Orders(database), SecondFactor(session.client, Factors(database)), engine.hint, frozenset)
    people = (requests, doors, approvals, Judging(Reviews(database)), Identity(session))
    ship = Shipping(written.settings.journal)
    channels = tuple(written.settings.channels)
    own_alerts = OwnAlerts(OwnIncidents(database), lambda: written.policy, channels, engine.hint)
    place = Place(directory / "control" / "runner")
    return Runner(
        *(written.settings, reception, *people, incidents, holds, queue),
        *(engine, session, house, ship, Heartbeat(None, queue), runs, journal, database, runners),
        *(in_force, Reloading(in_force, lambda: rules, queue, own_alerts), own_alerts),
        *(LocalSocket(place, Holding(database, lambda _: frozenset())), ()),
    )


class HttpSite:
    """A runner and its application; `post` and `get` speak ASGI with it."""

    def __init__(self, written: Written, directory: Path) -> None:
        self.token = written.token
        self.secret = written.place.secret("alertmanager")
        self.database = directory / "breakglass.db"
        self.runner = make_idle_runner(written, directory)
        self.app = make_app(self.runner)

    def close(self) -> None:
        self.runner.journal.close()
        self.runner.database.close()

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def call(self, method: str, path: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """A call without a body."""
        return asyncio.run(self.ask(method, path, headers, _sending([])))

    def post(
        self, body: object, *, token: str | None = None, path: str = HOOK, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = [("authorization", f"Bearer {self.token if token is None else token}"), *headers]
        chunks = [content[at : at + 65536] for at in range(0, len(content), 65536)]
        return asyncio.run(self.ask("POST", path, given, _sending(chunks)))

    async def ask(self, method: str, path: str, headers: Sequence[tuple[str, str]], receive: Receive) -> Answer:
        """One request, whose body comes from `receive`."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        told: list[Any] = []

        async def send(message: object) -> None:
            told.append(message)

        await self.app(scope, receive, send)
        got = {name.decode(): value.decode() for name, value in told[0]["headers"]}
        return Answer(told[0]["status"], got, b"".join(part["body"] for part in told[1:]))

    def recorded(self) -> list[dict[str, object]]:
        """The records of refusals and the like that wait for the stream of the day."""
        return [{"kind": queued.kind, **queued.body} for queued in self.runner.queue.waiting()]


def _sending(chunks: Sequence[bytes]) -> Receive:
    waiting = list(chunks) or [b""]

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    return receive
