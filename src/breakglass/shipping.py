# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's shipper: a process of its own, so that no sink can make the runner wait. Restarted when it dies."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.starting import (
    module_command,
    module_environment,
)

if TYPE_CHECKING:
    from breakglass.settings import JournalSettings

STOP_WITHIN_SECONDS = 8.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0


class Shipping:
    """Ships the runner's journal while it is started; without sinks it does nothing.

    Attributes:
        troubles: Why a sink acknowledges nothing now, by its name.
    """

    def __init__(self, journal: JournalSettings) -> None:
        """Take the journal's settings, which are checked."""
        directory, sinks = journal.sinks
        self.troubles: dict[str, str] = {}
        self._journal = journal.directory
        self._told = json.dumps({"directory": str(directory), "sinks": sinks})
        self._has_sinks = bool(sinks)
        self._stop = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="shipper", daemon=True)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to ship; returns at once."""
        if self._has_sinks:
            self._thread.start()

    def stop(self) -> None:
        """Let the process send what is there, for a few seconds, and end it; what is left is sent next time."""
        self._stop.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        _close(process)
        try:
            process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._thread.join(STOP_WITHIN_SECONDS)

    def _keep_alive(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            process = self._launch()
            if process is not None and self._follow(process):
                pause = FIRST_PAUSE_SECONDS
            if self._stop.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _launch(self) -> subprocess.Popen[str] | None:
        command = module_command("--journal", str(self._journal))
        with self._lock:
            if self._stop.is_set():
                return None
            try:
                self._process = subprocess.Popen(
                    command,
                    env=module_environment(os.environ),
                    cwd="/",
                    stdin=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,  # Ctrl-C is the runner's; the shipper hears of it by the end of its input
                )
            except OSError as error:
                self.troubles = {"shipper": f"The shipper can't be started: {error.strerror}."}
                return None
        return self._process

    def _follow(self, process: subprocess.Popen[str]) -> bool:
        """Take over what the process says until it ends; returns whether it said anything sensible."""
        sensible = False
        if process.stdin is None or process.stderr is None:
            return False
        with suppress(OSError):  # if it has died already, its last words come next
            process.stdin.write(self._told + "\n")
            process.stdin.flush()
        last = ""
        for line in process.stderr:
            try:
                told = json.loads(line)
            except ValueError:
                last = line.strip()
                continue
            self.troubles = {str(sink): str(why) for sink, why in told.items()}
            sensible = True
        process.stderr.close()
        _close(process)
        code = process.wait()
        if not self._stop.is_set():
            self.troubles = {"shipper": f"The shipper ended with code {code}; it is started again. {last}".strip()}
        return sensible


def _close(process: subprocess.Popen[str]) -> None:
    """End the process's input, which tells it to end."""
    if process.stdin is not None:
        with suppress(OSError):  # what it did not read is of no use any more
            process.stdin.close()
