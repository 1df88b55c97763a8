# SPDX-License-Identifier: GPL-3.0-or-later
"""A site for many incidents: six local hosts, remediations that work, fail and take their time, and a way to Vault that can be cut."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml
from tests.support.cut_proxy import CutProxy
from tests.support.site import Site
from tests.support.traces import below

from breakglass.demo.parts import prepare_vault
from breakglass.local_socket.asking import AskRunner
from breakglass.local_socket.place import Place

if TYPE_CHECKING:
    from breakglass.demo.serving import Serving

HOSTS = tuple(f"web{number}" for number in range(1, 7))
TASKS = {
    "works": "ansible.builtin.command: {cmd: /bin/true}",
    "fails": "ansible.builtin.command: {cmd: /bin/false}",
    "takes_long": "ansible.builtin.command: {cmd: /bin/sleep 60}",
}
LIMITS = {"attempts": "1", "firing_for": "0s", "cooldown": "0s", "repairs_per_day": "100000", "hosts_at_once": "6"}


@dataclass(frozen=True)
class Weight:
    """What a runner takes of its machine.

    Attributes:
        memory_kib: Resident, without what it shares as files (`RssAnon`).
        descriptors: Open in its process.
        threads: Of its process.
        processes: Below it.
        files: In its run directory and its temporary directory.
        locks: That the kernel knows of on its database.
        database_kib: The database on the disk, with its write-ahead log.
    """

    memory_kib: int
    descriptors: int
    threads: int
    processes: int
    files: int
    locks: int
    database_kib: int


class EnduranceSite(Site):
    """Use it in a `with` block, in the main thread; no runner is started."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.proxy = self._parts.enter_context(CutProxy(self.vault.url))
        self.temporary = self.scratch / "temporary"
        self.temporary.mkdir()
        os.environ["TMPDIR"] = str(self.temporary)
        self._write_roles()
        self._write_hosts()
        self._write_settings()
        self._write_policy()
        prepare_vault(self.place.settings, self.environment)
        return self

    def __exit__(self, *details: object) -> None:
        os.environ.pop("TMPDIR", None)
        super().__exit__(*details)

    @property
    def ask(self) -> AskRunner:
        """The runner's socket."""
        return AskRunner(Place(self.scratch / "control" / "runner"))

    def open_states(self) -> dict[str, str]:
        """Incident to state, of those that are not closed."""
        with closing(self._reading()) as database:
            return dict(database.execute("SELECT id, state FROM incident WHERE state <> 'closed'").fetchall())

    def results(self) -> dict[str, int]:
        """How many incidents closed with which result."""
        query = "SELECT json_extract(document, '$.result'), count(*) FROM incident WHERE state = 'closed' GROUP BY 1"
        with closing(self._reading()) as database:
            return dict(database.execute(query).fetchall())

    def is_quiet(self) -> bool:
        """Whether all incidents are closed, recorded and sealed."""
        unsealed = "SELECT 1 FROM stream JOIN incident ON id = incident WHERE sealed_at IS NULL"
        opened = "SELECT 1 FROM incident WHERE state <> 'closed'"
        with closing(self._reading()) as database:
            return not database.execute(f"SELECT 1 FROM outbox UNION ALL {unsealed} UNION ALL {opened}").fetchone()

    def can_write(self) -> bool:
        """Whether nobody has left the database locked: somebody else may begin to write within two seconds."""
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self._database, timeout=2)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
            return True
        return False

    def weigh(self, runner: Serving) -> Weight:
        """Look at the runner from the outside."""
        process = Path(f"/proc/{runner.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        places = (self.scratch / "runs", self.temporary)
        return Weight(
            memory_kib=int(status["RssAnon"].split()[0]),
            descriptors=len(list((process / "fd").iterdir())),
            threads=int(status["Threads"]),
            processes=len(below(runner.pid)),
            files=sum(len(files) + len(names) for place in places for _, names, files in os.walk(place)),
            locks=self._locks(),
            database_kib=sum(path.stat().st_size for path in self.scratch.glob("breakglass.db*")) // 1024,
        )

    def _locks(self) -> int:
        """Lines of /proc/locks (see proc_locks(5)) about the files of the database."""
        numbers = {str(path.stat().st_ino) for path in self.scratch.glob("breakglass.db*")}
        lines = Path("/proc/locks").read_text().splitlines()
        return sum(
            1 for line in lines if any(word.count(":") == 2 and word.split(":")[2] in numbers for word in line.split())
        )

    @property
    def _database(self) -> Path:
        return self.scratch / "breakglass.db"

    def _reading(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)

    def _write_roles(self) -> None:
        for name, task in TASKS.items():
            role = self.scratch / "collections" / "ansible_collections" / "acme" / "soak" / "roles" / name
            for part in ("meta", "tasks"):
                (role / part).mkdir(parents=True)
            (role / "meta" / "remediation.yml").write_text("idempotent: false\n")
            (role / "meta" / "argument_specs.yml").write_text(
                yaml.safe_dump({"argument_specs": {"main": {"options": {}}}})
            )
            (role / "tasks" / "main.yml").write_text(f"- name: Work on the host\n  {task}\n  changed_when: true\n")

    def _write_hosts(self) -> None:
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self.place.inventory.write_text(yaml.safe_dump({"web": {"hosts": {name: dict(host) for name in HOSTS}}}))

    def _write_settings(self) -> None:
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        settings["vault"]["url"] = self.proxy.url
        settings["collections"] = [str(self.scratch / "collections")]
        self.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def _write_policy(self) -> None:
        policy = yaml.load(self.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        common = policy["triggers"][0] | {"verification": {"alert_resolves_within": "20s"}}
        del common["parameters"]
        policy["triggers"] = [
            *(
                common | {"name": name, "match": {"alertname": name}, "remediation": f"acme.soak.{name}", "limits": dict(LIMITS)}
                for name in TASKS
            ),
            common | {"name": "observes", "match": {"alertname": "observes"}, "remediation": "acme.soak.works",
                      "limits": dict(LIMITS), "mode": "observe"},
            common | {"name": "young", "match": {"alertname": "young"}, "remediation": "acme.soak.works",
                      "limits": {**LIMITS, "firing_for": "1h"}},
        ]  # fmt: skip
        policy["access"]["web-operator"]["hosts"] = ["web"]
        plain = json.loads(json.dumps(policy))  # without parts that are one and the same: YAML would write aliases
        self.place.policy.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
