# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs at the operator's door against the hosts of a lab: `ansible-playbook`, a grant, certificates, a journal."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab import vault

from breakglass.effects.inert import inert_json
from breakglass.timeline import Event, Follower

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.lab.places import Place

PROVEN: Final = "Grant revoked, proven."
OPENED: Final = "Grant open until"
WITHIN_SECONDS: Final = 300
_RECAP: Final = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)


@dataclass(frozen=True)
class RoleRun:
    """One run that has ended.

    Attributes:
        code: What `ansible-playbook` returned.
        text: All that it printed.
        journal: The directory of its journal, of this run alone.
    """

    code: int
    text: str = field(repr=False)
    journal: Path

    def recap(self, host: str) -> dict[str, int]:
        """What Ansible counted for a host: ok, changed, unreachable, failed, skipped, rescued, ignored."""
        counts = dict(_RECAP.findall(self.text)).get(host, "")
        return {name: int(count) for name, count in (pair.split("=") for pair in counts.split())}

    def changed(self, host: str) -> list[str]:
        """The tasks that changed the host itself, or in check mode would, in order; what is done elsewhere for it is not told."""
        return [
            task
            for task, body in self._results()
            if body["host"] == host and _outcome(body) == "changed" and not body.get("delegated_to")
        ]

    @property
    def tasks(self) -> dict[str, str]:
        """Task to what became of it: ok, changed, failed, skipped, unreachable; of several hosts the worst."""
        found: dict[str, str] = {}
        worst = ("skipped", "ok", "changed", "ignored", "unreachable", "failed")
        for task, body in self._results():
            found[task] = max(_outcome(body), found.get(task, "skipped"), key=worst.index)
        return found

    @property
    def events(self) -> list[Event]:
        """Everything that is recorded of the run, by time."""
        return [event for run in sorted(self.journal.glob("*/*/*/*/")) for event in Follower(run).new_events()]

    @property
    def sentence(self) -> str:
        """What the last failure says; empty when nothing failed."""
        failures = [body for body in self.bodies("task.result") if body["status"] in ("failed", "unreachable")]
        return str(failures[-1].get("msg", "")) if failures else ""

    def bodies(self, kind: str) -> list[dict[str, object]]:
        """The bodies of the records of a kind, in order."""
        paths = sorted(self.journal.glob("*/*/*/*/play-1.jsonl"))
        records = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        return [record["body"] for record in records if record["kind"] == kind]

    def _results(self) -> list[tuple[str, dict[str, object]]]:
        """Each result with the name of its task, as the role gives it."""
        names = {str(body["task"]): str(body["name"]).rpartition(" : ")[2] for body in self.bodies("task.intent")}
        return [(names.get(str(body["task"]), "?"), body) for body in self.bodies("task.result")]


def remediate(
    place: Place,
    role: str,
    hosts: Sequence[str],
    parameters: Mapping[str, object],
    *options: str,
    access: str = "lab-operator",
    timeout: float = WITHIN_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> RoleRun:
    """Run the playbook `remediate` on these hosts; whatever was opened must be proven gone at its end."""
    asked = {"remediate_role": role, "remediate_access": access, "remediate_reason": "a test in the lab", **parameters}
    playbook = ("breakglass.remediation.remediate", "-i", str(place.inventory), *options)
    return play(place, playbook, hosts, asked, timeout=timeout, environment=environment or {})


def prepare_hosts(
    place: Place, hosts: Sequence[str], parameters: Mapping[str, object] | None = None, *options: str
) -> RoleRun:
    """Prepare hosts by our own playbook, as somebody who may come in as root."""
    reason = {"prepare_hosts_access": "lab-preparation", "prepare_hosts_reason": "new hosts of the lab"}
    inventory = ("-i", str(place.controller / "first-contact.yml"), "--private-key", str(place.secret("bootstrap")))
    playbook = ("breakglass.remediation.prepare_hosts", *inventory, *options)
    return play(place, playbook, hosts, {**reason, **(parameters or {})}, timeout=WITHIN_SECONDS, environment={})


def play(
    place: Place,
    playbook: Sequence[str],
    hosts: Sequence[str],
    variables: Mapping[str, object],
    *,
    timeout: float,
    environment: Mapping[str, str],
) -> RoleRun:
    """Run a playbook with an operator's login and wait for its end; texts in variables are data, not templates."""
    directory = _new_directory(place.controller / "runs")
    given = directory / "variables.json"
    given.write_text(inert_json(variables), encoding="utf-8")
    journal = directory / "journal"
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, *playbook, "-l", ",".join(hosts), "-e", f"@{given}"],
        env={**_environment(place, journal), **environment},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    (directory / "output").write_text(done.stdout, encoding="utf-8")
    assert OPENED not in done.stdout or PROVEN in done.stdout, f"a grant is not proven gone:\n{done.stdout}"
    return RoleRun(done.returncode, done.stdout, journal)


def _environment(place: Place, journal: Path) -> dict[str, str]:
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH")
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(place.controller),
        "USER": "operator",
        "LANG": "C.UTF-8",
        **vault.environment(place, "operator-token"),
        "BREAKGLASS_JOURNAL": str(journal),
        "BREAKGLASS_RUNS": str(place.runs),
        "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        **({"ANSIBLE_COLLECTIONS_PATH": collections} if collections else {}),
    }


def _new_directory(parent: Path) -> Path:
    parent.mkdir(mode=0o700, exist_ok=True)
    for number in itertools.count(1):
        directory = parent / str(number)
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return directory
    raise AssertionError


def _outcome(body: Mapping[str, object]) -> str:
    return "changed" if body["status"] == "ok" and body.get("changed") else str(body["status"])
