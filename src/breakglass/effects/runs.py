# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories and play processes of this runner's runs: made ready ahead of need, and ended with proof."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.control_sockets import end_connections
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import Kin, carriers, end_all
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import (
    RunDirectory,
    UnusableRunDirectory,
)

from breakglass.errors import BreakglassError
from breakglass.installed import COLLECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULT = "result.json"
RUN_VARIABLE = "BREAKGLASS_RUN_DIR"  # every process of a run has it in its environment
READY_LIMIT_SECONDS = 60
KILL_LIMIT_SECONDS = 10.0
ALIVE = "alive"  # said again and again to a play that may go on


class UnstartedPlay(BreakglassError):
    """Raised when no play process comes up."""


@dataclass(frozen=True)
class PlayProcess:
    """A play process and its run's directory."""

    run: RunDirectory
    process: subprocess.Popen[bytes]

    def say(self, word: str) -> None:
        """Tell it `go` or `stop`; one that is dead does not hear it, which its missing result will show."""
        if self.process.stdin:
            with suppress(OSError):
                self.process.stdin.write(f"{word}\n".encode())
                self.process.stdin.flush()

    def result(self) -> dict[str, object] | None:
        """What the play came to; None when its process was killed before it could tell."""
        return _known(self.run, self.run.root / RESULT)

    def dismiss(self) -> None:
        """Close the pipe: a waiting process wipes its directory and goes, a working one ends its play."""
        if self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()


class Runs:
    """Makes play processes, keeps a warm one in reserve, and sweeps what dead runners left."""

    def __init__(self, parent: Path, vault_environment: dict[str, str], collections: Sequence[Path] = ()) -> None:
        self._parent = parent
        self._collections = collections
        self._vault_environment = vault_environment
        self._lock = threading.Lock()
        self._spare: PlayProcess | None = None

    def prepare(self) -> None:
        """Have a warm play process in reserve; raises UnstartedPlay, UnusableRunDirectory."""
        with self._lock:
            if self._spare is not None and self._spare.process.poll() is not None:
                self._spare.run.wipe()  # it was killed; one that ends by itself wipes its directory
                self._spare = None
            self._spare = self._spare or self._start()

    def await_spare(self) -> None:
        """Wait until the process in reserve has imported what it needs, or has died, or a while is over."""
        with self._lock:
            spare = self._spare
        if spare is not None and spare.process.stdout:
            select.select([spare.process.stdout], [], [], READY_LIMIT_SECONDS)

    def take(self) -> PlayProcess:
        """A play process that is ready for its word; raises UnstartedPlay, UnusableRunDirectory."""
        with self._lock:
            taken, self._spare = self._spare, None
        if taken is not None and taken.process.poll() is not None:
            taken.run.wipe()
            taken = None
        taken = taken or self._start()
        self._await_ready(taken)
        return taken

    def end_of(self, incident: str, attempt: int) -> set[int]:
        """End every process of an attempt's run, whoever its parent is now, and wipe it; returns those that are left."""
        for run in self._of(incident, attempt):
            if left := _end_processes(run):
                return left
            run.wipe()
        return set()

    def result_of(self, incident: str, attempt: int) -> dict[str, object] | None:
        """What an attempt's play came to, if its process could tell and its directory is still there."""
        results = (_known(run, run.root / RESULT) for run in self._of(incident, attempt))
        return next((result for result in results if result), None)

    def sweep(self) -> dict[tuple[str, str], dict[str, object]]:
        """At start: end what a dead runner's runs left behind, and wipe their directories.

        A play process that outlived its runner is ending its play at this moment; its lock is waited for.

        Returns:
            By incident and attempt, the results of plays that had come to their end, though nobody has read them.
        """
        results = {}
        for run in self._all():
            self._wait_for_lock(run)
            _end_processes(run)
            story, result = _known(run, run.story), _known(run, run.root / RESULT)
            if story and result:  # it stays on the disk until its incident has closed the grant
                results[str(story.get("incident")), str(story.get("attempt"))] = result
            else:
                run.wipe()
        return results

    def _of(self, incident: str, attempt: int) -> list[RunDirectory]:
        wanted = {"incident": incident, "attempt": str(attempt)}
        return [run for run in self._all() if wanted.items() <= (_known(run, run.story) or {}).items()]

    def _all(self) -> list[RunDirectory]:
        return [RunDirectory(root) for root in sorted(self._parent.glob("run-*"))] if self._parent.is_dir() else []

    def close(self) -> None:
        """Dismiss the spare process."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.dismiss()
            with suppress(subprocess.TimeoutExpired):
                spare.process.wait(READY_LIMIT_SECONDS)

    def _start(self) -> PlayProcess:
        run = RunDirectory.create(self._parent)
        run.write(run.root / "ansible.cfg", "")  # an empty one of our own, so that no other is found
        try:
            with (run.root / "stderr").open("wb") as complaints:
                process = subprocess.Popen(
                    [sys.executable, "-m", "breakglass.effects.play_process", str(run.root)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=self._environment(run),
                    cwd=run.root,
                    start_new_session=True,
                )
        except OSError as error:
            run.wipe()
            raise UnstartedPlay(
                f"No play process can be started: {error.strerror}. Look at memory and processes."
            ) from error
        return PlayProcess(run, process)

    def _await_ready(self, play: PlayProcess) -> None:
        output = play.process.stdout
        line = output.readline() if output and select.select([output], [], [], READY_LIMIT_SECONDS)[0] else b""
        if line.strip() != b"ready":
            why = (play.run.root / "stderr").read_text(encoding="utf-8", errors="replace")[-300:].strip()
            play.process.kill()
            play.process.wait()
            play.run.wipe()
            raise UnstartedPlay(f"The play process did not come up: {why or 'it died without a word'}.")

    def _environment(self, run: RunDirectory) -> dict[str, str]:
        """Everything that the play sees of the environment; nothing of the runner's own, and nothing secret."""
        return {
            **self._vault_environment,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "HOME": str(run.root),
            "LANG": "C.UTF-8",
            RUN_VARIABLE: str(run.root),
            "BREAKGLASS_GRANT_FILE": str(run.root / "wrapped"),
            "ANSIBLE_CONFIG": str(run.root / "ansible.cfg"),
            "ANSIBLE_HOME": str(run.root / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(run.root / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, (COLLECTIONS, *self._collections))),  # ours first
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
            "ANSIBLE_HOST_KEY_CHECKING": "true",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
        }

    @staticmethod
    def _wait_for_lock(run: RunDirectory) -> None:
        """Wait until the play process has let go; it holds the lock until its result is durable."""
        with suppress(OSError):
            descriptor = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
            timer = threading.Timer(KILL_LIMIT_SECONDS, lambda: end_all(Kin(run.lock).alive, KILL_LIMIT_SECONDS))
            timer.start()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            finally:
                timer.cancel()
                os.close(descriptor)


def _end_processes(run: RunDirectory) -> set[int]:
    """End all that belongs to a run, also when the play process that would do it is dead; returns those that are left."""
    kin = Kin(run.lock)
    left = end_all(lambda: kin.alive() | carriers(RUN_VARIABLE, str(run.root)), KILL_LIMIT_SECONDS)
    end_connections(run.control)  # the master of a persisted connection belongs to nobody by now
    return left


def _known(run: RunDirectory, path: Path) -> dict[str, object] | None:
    """What a file of a run says; None also when a crash of the machine has left it unreadable."""
    with suppress(UnusableRunDirectory):
        return run.read_json(path)
    return None
