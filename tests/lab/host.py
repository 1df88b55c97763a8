# SPDX-License-Identifier: GPL-3.0-or-later
"""One host of a lab, as the lab itself sees it: commands and files as root, by a way that the product does not use."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab import cgroups
from tests.lab.errors import BrokenLab, FailedCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.places import Place

WITHIN_SECONDS: Final = 60
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_PAGER": "",
}


@dataclass(frozen=True)
class LabHost:
    """A running host.

    Attributes:
        place: The lab that it is in.
        name: Its inventory name.
        address: Its address in the lab's network.
    """

    place: Place
    name: str
    address: str

    @property
    def pid(self) -> int:
        """Its process 1, as this machine numbers it; raises BrokenLab when it does not run."""
        for pid in sorted(cgroups.processes(self.place.name, self.name)):
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
                numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
                if len(numbers) > 1 and numbers[-1] == "1":
                    return pid
        raise BrokenLab(f"{self.name} does not run.")

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        input_text: str | None = None,
        timeout: float = WITHIN_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root on the host; a text is bash's, a list is not.

        Raises:
            FailedCommand: It failed, unless `check` is off.
            BrokenLab: The host does not run.
            subprocess.TimeoutExpired: It took longer; it is ended.
        """
        words = ["/bin/bash", "-c", command] if isinstance(command, str) else list(command)
        done = subprocess.run(
            self.inside(*words),
            input=input_text if input_text is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=ENVIRONMENT,
            check=False,
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            shown = command if isinstance(command, str) else shlex.join(command)
            raise FailedCommand(f"{self.name}: `{shown}` failed ({done.returncode}): {said}")
        return done

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a command inside of the host."""
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wdns=/")
        return ["nsenter", "--target", str(self.pid), *spaces, "--", *command]

    def read(self, path: str) -> str:
        """The text of a file on the host; raises FailedCommand."""
        return self.run(["cat", "--", path]).stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file on the host, with its directories; raises FailedCommand."""
        script = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1" && chmod "$2" "$1"'
        self.run(["/bin/sh", "-c", script, "sh", path, f"{mode:o}"], input_text=text)

    def exists(self, path: str) -> bool:
        """Tell whether there is something at this path, or a link."""
        return self.run(["/bin/sh", "-c", '[ -e "$1" ] || [ -L "$1" ]', "sh", path], check=False).returncode == 0

    def active(self, unit: str) -> str:
        """What systemd says of a unit: `active`, `failed`, `inactive` or another word."""
        return self.run(["systemctl", "is-active", unit], check=False).stdout.strip()

    @property
    def runs(self) -> bool:
        """Whether it is up."""
        with suppress(BrokenLab):
            return self.pid > 0
        return False
