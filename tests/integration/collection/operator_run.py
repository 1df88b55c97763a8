# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of `ansible-playbook` as an operator does it, and everything that can be seen of it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

from breakglass.verification import Verified, verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from tests.support.site import Site

GRANT = """
    - name: Open the grant
      breakglass.remediation.grant: {access: web-operator, reason: a test, time_box: 5m, short_lived: false}
"""
PROVEN = "Grant revoked, proven."
REFUSED = 2  # ansible-playbook's return code of a failed task
UNRECORDABLE = 97


def play(tasks: str, hosts: str = "localhost", more: str = "") -> str:
    """A playbook of one play with these tasks (four blanks before each), on a local connection."""
    head = f"- name: A test\n  hosts: {hosts}\n  gather_facts: false\n  connection: local\n"
    return f"---\n{head}{more}  tasks:\n{tasks}"


def await_truth(truth: Callable[[], object], seconds: float = 20) -> None:
    """Return as soon as it holds; fails when it does not within the limit."""
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.01)


class OperatorRun:
    """A run, its journal and its run directory; use it in a `with` block, which ends what is left of it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.directory = Path(tempfile.mkdtemp(prefix="r", dir=site.scratch))
        self.journal = self.directory / "journal"
        self.runs = self.directory / "runs"
        self.output = self.directory / "output"
        self.environment = site.operator_environment(
            BREAKGLASS_JOURNAL=str(self.journal),
            BREAKGLASS_RUNS=str(self.runs),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_ASYNC_DIR=str(self.directory / "async"),
            ANSIBLE_PYTHON_INTERPRETER=sys.executable,
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.code = -1
        self._accessors = self.accessors()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `ansible-playbook` in a process group of its own, as a shell does; an empty text unsets a variable."""
        return self._start(self.site.playbook_command(*arguments), environment)

    def _start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        given = {name: value for name, value in {**self.environment, **environment}.items() if value}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["env", "--default-signal=HUP", *command],  # under nohup a run would not hear that its terminal went
                env=given,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        return self.process

    def remediate(self, *arguments: str, **environment: str) -> Self:
        """Run it and wait for its end; without arguments it is the remediation of the site's service."""
        self.code = self.start(*arguments, **environment).wait(100)
        return self

    def adhoc(self, *arguments: str, **environment: str) -> Self:
        """Run the command `ansible` and wait for its end."""
        program = str(Path(sys.executable).with_name("ansible"))
        self.code = self._start([program, "localhost", *arguments], environment).wait(100)
        return self

    def command(self, command: list[str], **environment: str) -> Self:
        """Run a whole command line, for example of another ansible-core, and wait for its end."""
        self.code = self._start(command, environment).wait(100)
        return self

    def playbook(self, text: str, *arguments: str, **environment: str) -> Self:
        """Run a playbook of this text and wait for its end."""
        return self.remediate(str(self.write("play.yml", text)), *arguments, **environment)

    def write(self, name: str, text: str) -> Path:
        """A file beside the run."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def text(self) -> str:
        """What was printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def last_line(self) -> str:
        """The last line that was printed."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def stream(self) -> Path:
        """The file of the run's records."""
        (path,) = self.journal.glob("*/*/*/*/play-1.jsonl")
        return path

    def records(self) -> list[dict[str, object]]:
        """What was recorded, in order."""
        lines = self.stream().read_bytes().rpartition(b"\n")[0].splitlines()  # the last may be half written
        return [json.loads(line) for line in lines]

    def bodies(self, kind: str) -> list[dict[str, object]]:
        """The bodies of the records of a kind."""
        return [record["body"] for record in self.records() if record["kind"] == kind]  # type: ignore[misc]

    def kinds(self) -> list[str]:
        """The kinds of the records, in order."""
        return [str(record["kind"]) for record in self.records()]

    def results(self) -> dict[str, list[str]]:
        """Task name to the statuses that were recorded for it."""
        names = {body["task"]: str(body["name"]) for body in self.bodies("task.intent")}
        found: dict[str, list[str]] = {}
        for body in self.bodies("task.result"):
            found.setdefault(names.get(body["task"], "?"), []).append(str(body["status"]))
        return found

    def verified(self) -> Verified:
        """The verification of its journal, with Vault."""
        return verify_journal(self.journal, None, self.site.environment, offline=False)

    def leftovers(self) -> list[Path]:
        """The run directories that are still there."""
        return list(self.runs.iterdir()) if self.runs.exists() else []

    def processes(self) -> dict[int, str]:
        """Every living process of this run with its command line.

        They inherit its environment; an ssh master writes its title over that, and the title names its socket.
        """
        mark = f"BREAKGLASS_RUNS={self.runs}".encode()
        everybody = {pid: _command_line(pid) for pid in _pids()}
        return {pid: words for pid, words in everybody.items() if str(self.runs) in words or mark in _environment(pid)}

    def guard(self) -> int:
        """The process that watches over the open grant."""
        (grant,) = self.runs.glob("*/grant.json")
        return int(json.loads(grant.read_text(encoding="utf-8"))["guard_pid"])

    def admin(self) -> Client:
        """A client that may do everything."""
        return Client(Connection(url=self.site.vault.url), self.site.vault.root_token)

    def accessors(self) -> set[str]:
        """The accessors of every live token."""
        with self.admin() as admin:
            keys = admin.list("auth/token/accessors")["data"]
        return set(keys["keys"])  # type: ignore[index,call-overload]

    def minted(self) -> set[str]:
        """The accessors of tokens that live and did not when this run began."""
        return self.accessors() - self._accessors

    def token_lives(self, accessor: str) -> bool:
        """Whether a token is there."""
        return accessor in self.accessors()

    def token(self, policies: list[str], ttl: str = "1h", **more: object) -> str:
        """A new token of an operator, which counts as having been there before."""
        body: Mapping[str, object] = {"policies": policies, "no_default_policy": True, "ttl": ttl, **more}
        with self.admin() as admin:
            auth = admin.post("auth/token/create", body)["auth"]
        assert isinstance(auth, dict)
        self._accessors.add(str(auth["accessor"]))
        return str(auth["client_token"])

    def assert_nothing_left(self) -> None:
        """No process, no secret on the disk, no token in Vault."""
        await_truth(lambda: not self.processes())
        assert self.leftovers() == []
        assert self.minted() == set()


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
