# SPDX-License-Identifier: GPL-3.0-or-later
"""One run with every kind of credential, and what becomes of it when a fault strikes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.fault_matrix.ground import ACCESS, Alive, records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fault_matrix.ground import Ground

IN_FLIGHT_SECONDS = 4
LIMIT_SECONDS = 150
PLAY = """---
- name: Every kind of credential
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Open the grant
      breakglass.remediation.grant: {{access: {access}, reason: a trial, time_box: {box}, short_lived: {short}}}
    - name: Log in to hosts
      breakglass.remediation.ssh_certificate: {{hosts: [localhost]}}
    - name: Use the database
      breakglass.remediation.database_credential: {{role: app}}
    - name: Prove who we are
      breakglass.remediation.pki_certificate: {{role: app, common_name: app.example.com}}
    - name: Read a secret
      breakglass.remediation.secret_file: {{path: app}}
{last}
"""
IN_FLIGHT = """
    - name: Something that takes its time
      ansible.builtin.command: {{argv: [sh, -c, "touch {started}; sleep {seconds}; touch {late}"]}}
"""
FAILS = """
    - name: Something that fails
      ansible.builtin.command: {argv: ["false"]}
"""
UNREACHABLE = """
- name: A host that is not there
  hosts: nowhere
  gather_facts: false
  tasks:
    - name: Ask it
      ansible.builtin.ping:
"""
INVENTORY = """all:
  hosts:
    localhost: {{ansible_connection: local, ansible_python_interpreter: {python}}}
    nowhere: {{ansible_host: 127.0.0.1, ansible_port: 1, ansible_ssh_common_args: -o ConnectTimeout=2}}
"""


@dataclass(frozen=True)
class Ending:
    """What became of a run.

    Attributes:
        code: How it ended: its return code, or the signal below zero.
        facts: Accessor, user name, serial number and end of the SSH certificate, as recorded.
        seconds: From the fault to when each was gone; None for what was still alive at the limit of the trial.
        proven: Seconds from the fault to the journal's word that the grant is proven gone; None if it has none.
        closed_by: Who closed it, from the records.
        remains: What the closer said that lives on.
        late: Whether the task in flight had an effect after the fault.
    """

    code: int
    facts: Mapping[str, str]
    seconds: Mapping[str, float | None]
    proven: float | None
    closed_by: str
    remains: tuple[str, ...]
    late: bool


class Trial:
    """A run on this ground; use it in a `with` block, which ends what is left of it.

    Attributes:
        programs: Directory of the `ansible-playbook` to run: this Python's, unless it is changed before the start.
        collections: Where that looks for collections first; by itself among what is installed.
    """

    def __init__(self, ground: Ground, box: str = "5m", short_lived: str = "false") -> None:
        self.ground = ground
        self.box = box
        self.short_lived = short_lived
        self.in_flight_seconds = IN_FLIGHT_SECONDS
        self.programs = Path(sys.executable).parent
        self.collections: Path | None = None
        self.directory = Path(tempfile.mkdtemp(prefix="t", dir=ground.scratch))
        self.journal, self.runs = self.directory / "journal", self.directory / "runs"
        self.started, self.late = self.directory / "started", self.directory / "late"
        self.process: subprocess.Popen[bytes] | None = None
        self.struck_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, last: str = "", runner: str = "") -> None:
        """Start the run with this end of its play, by ansible-playbook, or by a Python program that uses ansible-runner."""
        in_flight = IN_FLIGHT.format(started=self.started, seconds=self.in_flight_seconds, late=self.late)
        text = PLAY.format(access=ACCESS, box=self.box, short=self.short_lived, last=last or in_flight)
        (self.directory / "play.yml").write_text(text, encoding="utf-8")
        inventory = self.directory / "inventory.yml"
        inventory.write_text(INVENTORY.format(python=sys.executable), encoding="utf-8")
        program = [str(self.programs / "ansible-playbook"), "-i", str(inventory), "play.yml"]
        command = [sys.executable, "-c", runner, str(self.directory)] if runner else program
        with (self.directory / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def environment(self) -> dict[str, str]:
        """An operator's."""
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            **self.ground.environment(),
            "BREAKGLASS_JOURNAL": str(self.journal),
            "BREAKGLASS_RUNS": str(self.runs),
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
            "ANSIBLE_NOCOLOR": "1",
            **({"ANSIBLE_COLLECTIONS_PATH": str(self.collections)} if self.collections else {}),
        }

    def until_in_flight(self) -> None:
        """Wait until the task that takes its time runs, so that every credential is there."""
        self._await(self.started.exists, "the task in flight did not start")

    def until_over(self) -> None:
        """Wait until the run has ended."""
        self._await(lambda: self.process is not None and self.process.poll() is not None, "the run did not end")

    def strike(self) -> None:
        """The fault is now."""
        self.struck_at = time.monotonic()

    def guard(self) -> int:
        """The process that watches over the grant."""
        (path,) = self.runs.glob("*/grant.json")
        return int(self._json(path)["guard_pid"])  # type: ignore[call-overload,no-any-return]

    def main_process(self) -> int:
        """Ansible's main process: the parent that the run's own lock belongs to."""
        assert self.process is not None
        return self.process.pid

    def ending(self, mended: Callable[[], object] | None = None, mend_after: float = 0) -> Ending:
        """Watch what becomes of it all, ending the fault after a while, until nothing is left or the limit is over."""
        facts, gone = self._facts(), dict.fromkeys(("grant", "database", "pki"), None)
        proven: float | None = None
        while self._passed() < LIMIT_SECONDS and (None in gone.values() or proven is None or self._lives()):
            if mended is not None and self._passed() >= mend_after:
                mended, _ = None, mended()
            self._note(gone, self.ground.alive(facts))
            proven = proven if proven is not None or not self._revoked() else self._passed()
            if proven is None and not self._lives() and None not in gone.values():
                break  # nobody is left who could still record a proof
            time.sleep(0.05)
        code = self.process.wait() if self.process is not None else 0
        revoked = self._revoked() or {}
        remains = revoked.get("remains")
        words = tuple(str(one) for one in remains) if isinstance(remains, list) else ()
        return Ending(code, facts, gone, proven, self._closer(), words, self._was_late())

    def _was_late(self) -> bool:
        """Give a task that goes on the time to show it."""
        deadline = time.monotonic() + max(0, self.in_flight_seconds + 1 - self._passed())
        while time.monotonic() < deadline and not self.late.exists():
            time.sleep(0.05)
        return self.late.exists()

    def _note(self, gone: dict[str, float | None], alive: Alive) -> None:
        for name, since in gone.items():
            if since is None and getattr(alive, name) is False:
                gone[name] = self._passed()

    def _facts(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for record in records(self.journal):
            body = record["body"]
            assert isinstance(body, dict)
            if record["kind"] == "credential.obtained":
                inner = body["facts"]
                found |= {name: str(inner[name]) for name in ("username", "valid_before") if name in inner}
                found |= {"serial": str(inner["serial"]), "ends": body["expires_at"]} if body["kind"] == "pki" else {}
            if record["kind"] == "task.result" and "accessor" in body:
                found["accessor"] = _word(body["accessor"])
        assert {"accessor", "username", "serial", "valid_before"} <= found.keys(), self._output()
        return found

    def _revoked(self) -> dict[str, object] | None:
        bodies = [record["body"] for record in records(self.journal) if record["kind"] == "grant.revoked"]
        return bodies[-1] if bodies else None  # type: ignore[return-value]

    def _closer(self) -> str:
        kinds = [record["kind"] for record in records(self.journal)]
        if "grant.revoked" not in kinds:
            return "nobody: Vault, by itself"
        if "run.died" not in kinds:
            return "the guard, asked by the run"
        whys = [str(record["body"]["why"]) for record in records(self.journal) if record["kind"] == "run.died"]  # type: ignore[index]
        return "the second guard" if "guard" in whys[0] else "the guard, for the dead run"

    def _lives(self) -> bool:
        return bool(self.processes())

    def processes(self) -> list[int]:
        """Every process of this run, the guard too."""
        mark = f"BREAKGLASS_RUNS={self.runs}".encode()
        return [pid for pid in _pids() if mark in _environment(pid)]

    def _passed(self) -> float:
        return time.monotonic() - self.struck_at

    def _await(self, truth: Callable[[], object], fault: str) -> None:
        deadline = time.monotonic() + 60
        while not truth():
            assert time.monotonic() < deadline, f"{fault}:\n{self._output()}"
            time.sleep(0.01)

    def _output(self) -> str:
        return (self.directory / "output").read_text(encoding="utf-8", errors="replace")[-3000:]

    @staticmethod
    def _json(path: Path) -> dict[str, object]:
        import json  # noqa: PLC0415

        return dict(json.loads(path.read_text(encoding="utf-8")))


def _word(value: object) -> str:
    return str(value.get("text", "")) if isinstance(value, dict) else str(value)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return [] if status[0] == "Z" else Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
