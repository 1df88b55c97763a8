# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation of real parts for one test: OpenBao, an SSH host with a service, settings, policy, a runner."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml
from tests.support.record_schema import assert_valid

from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.installation import Installation, write_inventory, write_settings
from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port, prepare_host, prepare_vault, service_answers
from breakglass.demo.serving import Serving
from breakglass.demo.ssh_host import SshHost
from breakglass.demo.web_service import WebService
from breakglass.timeline import Event, Follower
from breakglass.verification import Verified, verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Site:
    """An installation in a directory of its own; use it in a `with` block. Nothing runs but what is started."""

    def __init__(self, host: str = "web1") -> None:
        self.host_name = host
        self.scratch = Path(tempfile.mkdtemp(prefix="bg-"))
        self.place = Installation(self.scratch / "site", self.scratch)
        self.place.directory.mkdir()
        self._parts = ExitStack()
        self.token = ""

    def __enter__(self) -> Self:
        """Start OpenBao (prepared by our own code), the host, its service and the channel; not the runner."""
        self.vault = self._parts.enter_context(OpenBao(self.scratch / "openbao"))
        self.channel = self._parts.enter_context(Channel())
        self.token = write_settings(self.place, self.vault.url, self.channel.url)
        self.broken = self.scratch / "broken"
        self.service = self._parts.enter_context(WebService(free_port(), self.scratch / "shop.pid", self.broken))
        port = free_port()
        write_inventory(self.place, port, self.service.restart_command, self.service.stop_command, self.service.url)
        prepare_vault(self.place.settings, self.environment)
        self.ssh_host = self._parts.enter_context(
            SshHost(prepare_host(self.scratch, self.environment, self.host_name, "breakglass"), port)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        try:
            for ledger in self.scratch.rglob("ledger.jsonl"):
                assert_valid(ledger.parent)
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """An admin's login."""
        return {"VAULT_ADDR": self.vault.url, "VAULT_TOKEN": self.vault.root_token}

    @property
    def log(self) -> Path:
        """What the runner logs."""
        return self.scratch / "runner.log"

    def runner(self) -> Serving:
        """A runner of this site, not started yet (`with site.runner() as runner:`)."""
        return Serving(self.place.settings, self.log)

    def change_policy(self, change: Callable[[dict[str, object]], object]) -> None:
        """Edit the first trigger of the policy (a plain mapping of texts) before the runner is started."""
        policy = yaml.load(self.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        change(policy["triggers"][0])
        self.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")

    def alert(
        self,
        status: str = "firing",
        labels: Mapping[str, str] | None = None,
        since: timedelta = timedelta(minutes=2),
        fingerprint: str = "c0ffee5ca1ab1e00",
    ) -> dict[str, object]:
        """A genuine webhook with one alert."""
        body = alertmanager.webhook(status, datetime.now(UTC).replace(microsecond=0) - since)
        alert = body["alerts"][0]  # type: ignore[index]
        alert["labels"] = {**alertmanager.LABELS, **(labels or {})}
        alert["fingerprint"] = fingerprint
        return body

    def post(self, url: str, body: dict[str, object]) -> str:
        """Post it with the right token; returns the incident."""
        return alertmanager.post(url, self.token, body)

    def events(self, incident: str) -> list[Event]:
        """Everything that the incident's streams say, by time."""
        directory = next(iter(self.place.journal.glob(f"*/*/*/{incident}")), None)
        return Follower(directory).new_events() if directory else []

    def wait_for(self, incident: str, kind: str, seconds: float = 60, count: int = 1) -> list[Event]:
        """Wait until the incident's journal holds `count` events of a kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [event for event in self.events(incident) if event.kind == kind]
            if len(found) >= count:
                return found
            time.sleep(0.05)
        kinds = [(event.kind, dict(event.body)) for event in self.events(incident)]
        log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
        raise AssertionError(f"no {kind} within {seconds} s; there are {kinds}\n{log}")

    def states(self) -> dict[str, str]:
        """Incident to state, read from the database."""
        with sqlite3.connect(f"file:{self.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
            return dict(database.execute("SELECT id, state FROM incident").fetchall())

    def service_answers(self) -> bool:
        """Whether the repaired service works."""
        return service_answers(self.service.url)

    def verify(self) -> Verified:
        """The journal's verification with Vault."""
        return verify_journal(self.place.journal, None, self.environment, offline=False)

    def playbook(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `ansible-playbook` as an operator does (door 1), the audit callback enabled, and wait for it."""
        return subprocess.run(
            self.playbook_command(*arguments),
            env=self.operator_environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def playbook_command(self, *arguments: str) -> list[str]:
        """The command line of an operator; without arguments it is the remediation of the demo."""
        given = arguments or (
            "breakglass.remediation.remediate",
            *("-l", self.host_name, "-e", "remediate_role=restart_service", "-e", "remediate_access=web-operator"),
            *("-e", "remediate_reason=the shop is down", "-e", "restart_service_name=shop"),
        )
        return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.place.inventory), *given]

    def operator_environment(self, **more: str) -> dict[str, str]:
        """The environment of an operator with a Vault login of his own; journal and runs below this site."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.scratch),
            "USER": "operator",
            "LANG": "C.UTF-8",
            **self.environment,
            "BREAKGLASS_JOURNAL": str(self.scratch / "operator-journal"),
            "BREAKGLASS_RUNS": str(self.scratch / "operator-runs"),
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
            **more,
        }


def as_json(value: object) -> bytes:
    """A webhook's body."""
    return json.dumps(value).encode()
