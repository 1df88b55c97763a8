# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's runner: `breakglass serve` as a process of its own, as it runs anywhere."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

START_LIMIT_SECONDS = 90  # a machine that is busy elsewhere takes its time
STOP_LIMIT_SECONDS = 60
LOOK_EVERY_SECONDS = 0.05


class UnstartedRunner(BreakglassError):
    """Raised when the demo's runner does not come up or does not stop."""


class Serving:
    """A running `breakglass serve`; in a `with` block.

    Attributes:
        start_limit: So many seconds until it listens, and as many until it is ready.
    """

    start_limit = START_LIMIT_SECONDS

    def __init__(self, settings: Path, log: Path) -> None:
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.line = ""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, and wait until it is ready for work; raises UnstartedRunner."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "breakglass.cli.main", "serve", "--settings", str(self._settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
            )
        self.line = self._first_line()
        self.url = self.line.split()[1]
        self._await_ready()

    def stop(self) -> None:
        """Ask it to drain and end; raises UnstartedRunner if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise UnstartedRunner(f"The runner did not drain within {STOP_LIMIT_SECONDS} s; see {self._log}.") from None
        finally:
            if process.stdout:
                process.stdout.close()

    def kill(self) -> None:
        """End it as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _first_line(self) -> str:
        output = self._process.stdout if self._process else None
        if output and select.select([output], [], [], self.start_limit)[0]:
            line = output.readline().decode().strip()
            if line.startswith("Runner "):
                return line
        self.kill()
        tail = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise UnstartedRunner(f"The runner did not start: {tail[0] if tail else 'it said nothing'}")

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self.start_limit
        while time.monotonic() < deadline:
            with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310
                return
            time.sleep(LOOK_EVERY_SECONDS)
        self.kill()
        raise UnstartedRunner(f"The runner was not ready within {self.start_limit} s; see {self._log}.")
