# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose runner may crash: starts of the service are counted, and Alertmanager and the on-call person play along."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml
from tests.support.site import Site
from tests.support.traces import all_events, below, is_gone, living_tokens, processes_of, rows, wait_until

from breakglass.demo.alertmanager import RefusedWebhook
from breakglass.demo.serving import START_LIMIT_SECONDS, Serving, UnstartedRunner

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
NUMBERS = count(1)
# Counts a start of the service, and waits before it while the gate is shut.
WRAPPER = """#!/bin/sh
echo begun >> {starts}
while [ -e {gate} ]; do sleep 0.05; done
echo started >> {starts}
exec "$@"
"""


class CrashRunner(Serving):
    """The real runner in a program that can crash it; see tests/support/crash_runner.py."""

    def __init__(self, settings: Path, log: Path, options: tuple[str, ...]) -> None:
        super().__init__(settings, log)
        self._options = options

    def start(self) -> None:
        """Start it, and wait until it is ready for work, or dead already if that was asked for."""
        self.launch()
        wait_until(lambda: self.ended() is not None or self.is_ready(), self.start_limit, "the runner is not ready")

    def is_ready(self) -> bool:
        """Whether it says that it can do all of its work."""
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
            return True
        return False

    def launch(self) -> None:
        """Start it, and wait until it listens."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
        program = [sys.executable, "-m", "tests.support.crash_runner", "--settings", str(self._settings)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*program, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environment, "PYTHONPATH": str(ROOT)},
                cwd="/",
            )
        self.line = self._first_line()
        self.url = self.line.split()[1]

    def drain(self) -> int:
        """Send SIGTERM and wait for its end; its return code."""
        self._process.terminate()
        code = self._process.wait(30)
        self.kill()
        return code

    def ended(self) -> int | None:
        """Its return code once it has ended."""
        return self._process.poll() if self._process else -signal.SIGKILL


@dataclass
class Alert:
    """One alert as Alertmanager sends it again and again.

    Attributes:
        firing: The webhook while it fires.
        incident: Where it went, once the runner has said so.
    """

    firing: dict[str, object]
    incident: str = ""

    @property
    def fingerprint(self) -> str:
        """Its fingerprint."""
        return str(self.firing["alerts"][0]["fingerprint"])  # type: ignore[index]

    @property
    def resolved(self) -> dict[str, object]:
        """The webhook when it has resolved."""
        body = copy.deepcopy(self.firing)
        body["status"] = body["alerts"][0]["status"] = "resolved"  # type: ignore[index]
        body["alerts"][0]["endsAt"] = datetime.now(UTC).isoformat()  # type: ignore[index]
        return body


@dataclass
class Pager:
    """Alertmanager and the on-call person, for one alert, until its incident is closed.

    Attributes:
        status: What Alertmanager says of the alert; the runner hears of it until it has said 202, each runner anew.
        repaired_by_hand: Whether the person had to start the service.
    """

    site: CrashSite
    alert: Alert
    status: str = "firing"
    repaired_by_hand: bool = False
    told: set[tuple[int, str]] = field(default_factory=set)

    def look(self) -> bool:
        """Do what is due now; True when the incident is closed."""
        runner = self.site.serving
        self._tell(runner, self.status)
        state = self.site.states().get(self.alert.incident)
        if state == "escalated" and not self.site.service_answers() and self._was_called():
            self.site.service.start()
            self.repaired_by_hand = True
        if state in ("verifying", "escalated") and self.site.service_answers():
            self.status = "resolved"
        return state == "closed" and (runner.pid, "resolved") in self.told

    def see_through(self, seconds: float = 60) -> None:
        """Go on until the incident is closed and all of it is in the journal."""
        wait_until(self.look, seconds, lambda: f"{self.alert.incident} is not closed: {self.site.report()}")
        wait_until(self.site.quiet, 20, "records wait in the outbox, or streams for their seal")

    def _tell(self, runner: CrashRunner, status: str) -> None:
        """Post it until this process of the runner has answered 202, and to every later one again."""
        if runner.ended() is None and (runner.pid, status) not in self.told:
            try:
                body = self.alert.firing if status == "firing" else self.alert.resolved
                self.alert.incident = self.site.post(runner.url, body) or self.alert.incident
                self.told.add((runner.pid, status))
            except RefusedWebhook:
                return  # it died, or can't take it now; Alertmanager tries again

    def _was_called(self) -> bool:
        return any(self.alert.incident in message.title for message in self.site.channel.messages)


class CrashSite(Site):
    """Use it in a `with` block; `serving` is the present runner, once one was started."""

    options: tuple[str, ...] = ()
    serving: CrashRunner

    def __enter__(self) -> Self:
        super().__enter__()
        self.starts, self.gate, self.armed = (self.scratch / name for name in ("starts", "gate", "armed"))
        self.change_policy(lambda trigger: trigger.update(limits={"cooldown": "0s", "repairs_per_day": "10000"}))
        wrapper = self.scratch / "restart"
        wrapper.write_text(WRAPPER.format(starts=self.starts, gate=self.gate), encoding="utf-8")
        wrapper.chmod(0o700)
        self.change_host(lambda host: host["restart_service_command"].insert(0, str(wrapper)))
        self.starts.touch()
        return self

    def __exit__(self, *details: object) -> None:
        self.gate.unlink(missing_ok=True)
        if hasattr(self, "serving"):
            self.serving.kill()
        super().__exit__(*details)

    def change_host(self, change: Callable[[dict], object]) -> None:
        """Edit the host's variables in the inventory."""
        inventory = yaml.safe_load(self.place.inventory.read_text(encoding="utf-8"))
        change(inventory["web"]["hosts"][self.host_name])
        self.place.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    def start_runner(self) -> CrashRunner:
        """Start a runner; one that is still there ends as in a crash."""
        if hasattr(self, "serving"):
            self.serving.kill()
        self.serving = CrashRunner(self.place.settings, self.log, ("--armed", str(self.armed), *self.options))
        was_armed = self.armed.exists()
        try:
            self.serving.start()
        except (AssertionError, UnstartedRunner) as error:
            if was_armed and not self.armed.exists():
                return self.serving  # it died where it was asked to
            raise AssertionError(f"{error}\n{self.report()}") from error
        return self.serving

    def arm(self, point: str, side: str, nth: int) -> None:
        """Have the runner die at a point; see tests/support/crash_runner.py."""
        text = json.dumps({"point": point, "side": side, "nth": nth, "number": next(NUMBERS)})
        part = self.armed.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(self.armed)

    def break_service(self) -> Pager:
        """Kill the service; the alert about it has a fingerprint of its own, and has fired for two minutes."""
        self.service.kill()
        self.starts.write_text("", encoding="utf-8")
        number = next(NUMBERS)
        body = self.alert(fingerprint=f"{number:016x}", since=timedelta(seconds=120 + number))
        return Pager(self, Alert(body))

    def times(self, what: str) -> int:
        """How often the restart command was `begun`, or got as far as `started`, since the service broke."""
        return self.starts.read_text(encoding="utf-8").split().count(what)

    def report(self) -> str:
        """What a person wants to see when a test fails."""
        log = self.log.read_text(encoding="utf-8", errors="replace")[-1500:]
        of_tasks = ("task.started", "task.intent", "task.result", "handler.started")
        told = [f"{event.at:%S.%f} {event.stream} {event.kind} {dict(event.body)}" for event in all_events(self)]
        lines = [line[:300] for line in told if line.split()[2] not in of_tasks][-25:]
        return "\n".join([str(self.states()), *lines, log])

    def processes_of_runs(self) -> dict[int, str]:
        """Processes of plays, the present runner's warm spare excepted."""
        found = processes_of(f"{self.scratch}/runs/run-")
        spare = {pid for pid in found if self.serving.ended() is None and pid in below(self.serving.pid)}
        return {pid: line for pid, line in found.items() if pid not in spare}

    def quiet(self) -> bool:
        """Whether all incidents are closed, recorded and sealed."""
        unsealed = "SELECT 1 FROM stream JOIN incident ON id = incident WHERE sealed_at IS NULL"
        return not rows(self, f"SELECT 1 FROM outbox UNION ALL {unsealed}")

    def check(self, pager: Pager) -> None:
        """Check what must hold once an incident is closed, whatever has crashed meanwhile."""
        self.check_records(pager.alert)
        self.check_nothing_left()

    def check_records(self, alert: Alert) -> None:
        """One incident, its alert recorded once, every grant proven gone and gone."""
        events = all_events(self)
        same = [event for event in events if event.body.get("fingerprint") == alert.fingerprint]
        assert [event.kind for event in same].count("alert.firing") == 1, self.report()
        assert [event.kind for event in same].count("alert.resolved") == 1, self.report()
        assert not [event for event in same if event.kind == "alert.unmatched"], self.report()
        holding = rows(self, "SELECT DISTINCT incident FROM inbox WHERE body LIKE ?", f"%{alert.fingerprint}%")
        assert holding == [(alert.incident,)], self.report()
        mine = self.events(alert.incident)
        assert [event.kind for event in mine].count("incident.opened") == 1, self.report()
        assert [event.kind for event in mine].count("incident.closed") == 1, self.report()
        minted = {event.body["accessor"] for event in mine if event.kind == "grant.minted"}
        proven = {event.body["accessor"] for event in mine if event.kind == "grant.revoked" and event.body["proven"]}
        assert minted == proven, self.report()
        assert [accessor for accessor in minted if not is_gone(self, str(accessor))] == []

    def check_nothing_left(self) -> None:
        """No process and no directory of a play that is over."""
        wait_until(lambda: not self.processes_of_runs(), 5, lambda: f"still run: {self.processes_of_runs()}")
        limit = START_LIMIT_SECONDS  # the spare of a runner that has just started comes and goes
        wait_until(lambda: len(self.directories()) <= 1, limit, lambda: f"still there: {self.directories()}")

    def directories(self) -> list[Path]:
        """Directories of runs."""
        return sorted((self.scratch / "runs").glob("run-*"))

    def check_end(self) -> None:
        """Have the runner drain; nothing may be left, here and in Vault, and the journal is intact and sealed."""
        wait_until(self.quiet, 20, "records wait in the outbox, or streams for their seal")
        assert self.serving.drain() == 0
        assert living_tokens(self) == {}
        assert self.processes_of_runs() == {}
        assert self.directories() == []
        verified = self.verify()
        assert verified.exit_code == 0, verified.text()
