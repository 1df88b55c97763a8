# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-rulebook in an environment of its own (`.build/rulebook`, requirements/rulebook.txt), and one running rulebook."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

TREE = Path(__file__).parents[2]
REQUIREMENTS = TREE / "requirements" / "rulebook.txt"
PLACE = TREE / ".build" / "rulebook"
PROGRAMS = PLACE / "bin"
COLLECTIONS = TREE / ".build" / "collections"
LIMIT_SECONDS = 90
OURS: Final[Mapping[str, str]] = {
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
}
"""The environment of its programs, and this tree as a collection."""


def make() -> None:
    """Install what is pinned, checked by hash, where it is not there yet; raises CalledProcessError."""
    stamp, wanted = PLACE / ".installed", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
    install = ["install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
    subprocess.run([str(PROGRAMS / "pip"), *install], check=True)
    stamp.write_text(wanted, encoding="ascii")


def ready_or_skip() -> None:
    """Make the environment; skip the test where there is no Java, and say so; where everything must run (CI), fail it."""
    if shutil.which("java") is None:
        missing = "ansible-rulebook needs Java 17: make packages installs it."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    make()


class Rulebook:
    """One `ansible-rulebook` that listens; use it in a `with` block.

    Its variables are in `vars.yml` of its directory. `installed` is what stands in the place of `OURS`.
    """

    def __init__(
        self,
        directory: Path,
        command: Sequence[str],
        variables: Mapping[str, object],
        installed: Mapping[str, str] = OURS,
        **environment: str,
    ) -> None:
        self.output, given = directory / "rulebook.log", directory / "vars.yml"
        self.port = _free_port()
        self._token = str(variables.get("breakglass_token", ""))
        given.write_text(json.dumps({"breakglass_port": self.port, **variables}), encoding="utf-8")
        self._command, self._directory = command, directory
        self._environment = {**os.environ, **environment, **installed}

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                ["env", *self._command],  # which looks for the program on its path
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                cwd=self._directory,
                start_new_session=True,
            )
        try:
            self.wait_for(self._listens)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it and all that it started."""
        self._end()

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def post(self, payload: object) -> None:
        """Send an event."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        body = json.dumps(payload).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/endpoint", body, headers)
        with urllib.request.urlopen(request, timeout=10):
            return

    def wait_for(self, truth: Callable[[], object]) -> None:
        """Return as soon as it holds; fails with what was printed when it does not within the limit."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not truth():
            assert time.monotonic() < deadline, self.text
            assert self._process.poll() is None, self.text
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
