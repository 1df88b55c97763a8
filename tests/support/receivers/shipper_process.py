# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipper as a process of its own, as the runner starts it, to be killed."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.starting import (
    module_command,
    module_environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self


class ShipperProcess:
    """One process; use it in a `with` block, whose end is the runner's end."""

    def __init__(self, journal: Path, sinks: Mapping[str, Mapping[str, object]]) -> None:
        self._told = json.dumps({"directory": "/", "sinks": sinks}) + "\n"
        self._journal = journal

    def __enter__(self) -> Self:
        self._log = self._journal.with_name("shipper.log").open("ab")
        self.process = subprocess.Popen(
            module_command("--journal", str(self._journal)),
            env=module_environment(os.environ),
            stdin=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdin
        self.process.stdin.write(self._told)
        self.process.stdin.flush()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        if self.process.poll() is None:
            self.process.stdin.close()
        self.process.wait(30)
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self._log.close()

    def kill(self) -> None:
        """End it as the system's own killer does."""
        self.process.kill()
        self.process.wait()
