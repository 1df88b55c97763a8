# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with several runners on one PostgreSQL, each with a journal of its own; any of them may die or stand still."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psycopg
import yaml
from tests.support.crash_site import CrashRunner, CrashSite
from tests.support.postgresql import PostgreSQL, programs_or_skip
from tests.support.traces import is_gone, living_tokens, processes_of, wait_until

from breakglass.timeline import Event, Follower
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from pathlib import Path

START_LIMIT_SECONDS = 120  # one that was killed waits for its own name first, and the others go on beside it
NAMES = ("runner-a", "runner-b", "runner-c")


@dataclass
class Member:
    """One runner of the fleet.

    Attributes:
        name: As its settings call it.
        serving: Its present process.
        directory: Its journal, its runs and its log.
    """

    name: str
    serving: CrashRunner
    directory: Path
    frozen: bool = False
    starting: Future[None] | None = field(default=None)

    @property
    def alive(self) -> bool:
        """Whether it takes webhooks."""
        return not self.frozen and self.starting is None and self.serving.ended() is None

    def freeze(self) -> None:
        """Have it stand still, as on a machine that is paused; its plays go on."""
        os.kill(self.serving.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.serving.pid, signal.SIGCONT)
        self.frozen = False

    def runs(self) -> dict[int, str]:
        """The processes of its runs, its warm spare too."""
        return processes_of(f"{self.directory}/runs/run-")


class Fleet(CrashSite):
    """Use it in a `with` block, in the main thread; no runner is started."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.database = self._parts.enter_context(PostgreSQL(self.scratch / "postgresql", programs_or_skip()))
        password = self.place.secret("database")
        password.touch(mode=0o600)
        password.write_text(self.database.password, encoding="ascii")
        self._pool = ThreadPoolExecutor(len(NAMES))
        self.members = [self._member(name) for name in NAMES]
        return self

    def __exit__(self, *details: object) -> None:
        for member in self.members:
            if member.frozen:
                member.thaw()
            if member.starting:
                member.starting.cancel()
        self._pool.shutdown()
        for member in self.members:
            member.serving.kill()
        super().__exit__(*details)

    @property
    def serving(self) -> CrashRunner:  # type: ignore[override]
        """One that takes webhooks, by turns; one that is dead when all are."""
        living = [member for member in self.members if member.alive]
        self._turn = getattr(self, "_turn", 0) + 1
        return (living or self.members)[self._turn % len(living or self.members)].serving

    def start(self, member: Member) -> None:
        """Start one, and go on: it waits for its own name while its last process may be alive."""
        member.starting = self._pool.submit(member.serving.start)

    def start_all(self) -> None:
        """Start every one and wait until they work."""
        for member in self.members:
            self.start(member)
        wait_until(lambda: self.look_at_starts() == 0, 60, self.report)

    def look_at_starts(self) -> int:
        """How many are still on their way up; raises what kept one from it."""
        for member in self.members:
            if member.starting and member.starting.done():
                member.starting.result()
                member.starting = None
        return sum(1 for member in self.members if member.starting)

    def owner(self, incident: str) -> Member | None:
        """Who holds an incident now."""
        found = self.rows(f"SELECT owner FROM incident WHERE id = '{incident}' AND lease_until > 0")
        return next((member for member in self.members if found and member.name == found[0][0]), None)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.database.port,
            user="postgres",
            dbname="postgres",
            password=self.database.password,
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    def states(self) -> dict[str, str]:
        """Incident to state."""
        return {str(name): str(state) for name, state in self.rows("SELECT id, state FROM incident")}

    def events(self, incident: str) -> list[Event]:
        """What all journals say of an incident, by time."""
        places = {path for member in self.members for path in (member.directory / "journal").glob(f"*/*/*/{incident}")}
        found = [event for place in places for event in Follower(place).new_events()]
        return sorted(found, key=lambda event: event.at)

    def quiet(self) -> bool:
        """Whether all incidents are closed, recorded and sealed."""
        unsealed = "SELECT 1 FROM stream JOIN incident ON id = incident WHERE sealed_at IS NULL"
        return not self.rows(f"SELECT 1 FROM outbox UNION ALL {unsealed}")

    def report(self) -> str:
        """What a person wants to see when a test fails."""
        lines = [str(self.states()), *(f"{member.name}: {member.serving.ended()}" for member in self.members)]
        for name in list(self.states())[-2:]:
            told = [
                f"{event.at:%S.%f} {event.stream} {event.kind} {dict(event.body)}"[:260] for event in self.events(name)
            ]
            lines += [line for line in told if ".task" not in line and " task." not in line][-30:]
        for member in self.members:
            log = member.directory / "runner.log"
            lines.append(log.read_text(encoding="utf-8", errors="replace")[-600:] if log.exists() else "")
        return "\n".join(lines)

    def check_incident(self, incident: str) -> None:
        """Opened once, closed once, and every grant proven gone and gone."""
        mine = self.events(incident)
        kinds = [event.kind for event in mine]
        assert (kinds.count("incident.opened"), kinds.count("incident.closed")) == (1, 1), self.report()
        minted = {event.body["accessor"] for event in mine if event.kind == "grant.minted"}
        proven = {event.body["accessor"] for event in mine if event.kind == "grant.revoked" and event.body["proven"]}
        assert minted == proven, self.report()
        assert [accessor for accessor in minted if not is_gone(self, str(accessor))] == []

    def check_fleet_end(self) -> None:
        """All drain; nothing is left in Vault and on the machine, and every journal is intact."""
        wait_until(lambda: self.look_at_starts() == 0, 60, self.report)
        wait_until(self.quiet, 30, lambda: f"records wait, or streams for their seal: {self.report()}")
        for member in self.members:
            assert member.serving.drain() == 0
            assert member.runs() == {}
        assert living_tokens(self) == {}
        for member in self.members:
            verified = verify_journal(member.directory / "journal", None, self.environment, offline=False)
            assert verified.exit_code == 0, verified.text()

    def _member(self, name: str) -> Member:
        directory = self.scratch / name
        directory.mkdir()
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        settings |= {
            "name": name,
            "database_url": f"postgresql://postgres@127.0.0.1:{self.database.port}/postgres",
            "database_password_file": str(self.place.secret("database")),
            "journal": {"directory": str(directory / "journal")},
            "run_directory": str(directory / "runs"),
        }
        path = directory / "settings.yml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        serving = CrashRunner(path, directory / "runner.log", ("--armed", str(directory / "armed")))
        serving.start_limit = START_LIMIT_SECONDS
        return Member(name, serving, directory)
