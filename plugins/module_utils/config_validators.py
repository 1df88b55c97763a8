# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs have the last word on a configuration: a closed list of fixed commands, none of which a shell reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C", "HOME": "/"}
WITHIN_SECONDS = 60
MOST_POSITIONS = 5
_FILE = r"(/[A-Za-z0-9@._+/-]{1,255}?)"
_LINE = r"([0-9]{1,7})\b"
# Most name the file first; apache says "on line 5 of /etc/…", chrony "at line 5 in file /etc/…".
_POSITION = re.compile(
    rf"{_FILE}(?:\(|:| line |, line |: line |, on or before line |: (?=[0-9]+:[0-9])){_LINE}", re.ASCII
)
_REVERSED = re.compile(rf"\bline {_LINE} (?:of|in file) {_FILE}(?=[\s:,;]|$)", re.ASCII)


class UnusableValidator(Exception):
    """Raised when the program that would validate is not on this host, or does not come to its end."""


@dataclass(frozen=True)
class Validator:
    """A program that reads a configuration and says whether its service would take it.

    Attributes:
        commands: The same check in the names of several systems; the first whose program is here is taken.
        before_each_path: What stands before each path after that; None when no path is added, since it knows its own.
        reads: The file that is read of a directory among the paths, and then it is of the first path alone, since the others are what that file
            names; empty when each path is added as it is.
        takes_unit: The unit's name is added.
        mode: Permissions of a file that has to be made anew and whose own nobody knows.
    """

    commands: tuple[tuple[str, ...], ...]
    before_each_path: tuple[str, ...] | None = None
    reads: str = ""
    takes_unit: bool = False
    mode: int = 0o644

    def command(self, paths: Sequence[str], unit: str) -> list[str]:
        """Give the argument list; raises UnusableValidator."""
        for command in self.commands:
            if program := shutil.which(command[0], path=PATH):
                words = [program, *command[1:]]
                if self.before_each_path is not None:
                    words += [word for path in self._read(paths) for word in (*self.before_each_path, path)]
                return [*words, unit] if self.takes_unit else words
        raise UnusableValidator(
            f"{' or '.join(command[0] for command in self.commands)} is not on this host, so nothing can be validated"
        )

    def _read(self, paths: Sequence[str]) -> Sequence[str]:
        if not self.reads:
            return paths
        return [f"{paths[0]}/{self.reads}" if Path(paths[0]).is_dir() else paths[0]]


VALIDATORS: Mapping[str, Validator] = {
    "nginx": Validator((("nginx", "-t", "-q"),)),
    "sshd": Validator((("sshd", "-t"),)),
    "sudoers": Validator((("visudo", "-c", "-q"),), mode=0o440),
    "apache": Validator((("apache2ctl", "-t"), ("apachectl", "-t"), ("httpd", "-t"))),
    "haproxy": Validator((("haproxy", "-c"),), before_each_path=("-f",)),
    "postfix": Validator((("postfix", "check"),)),
    "systemd_unit": Validator((("systemd-analyze", "verify", "--man=no"),), takes_unit=True),
    "chrony": Validator((("chronyd", "-p"),)),
    "prometheus": Validator((("promtool", "check", "config"),), before_each_path=(), reads="prometheus.yml"),
    "alertmanager": Validator((("amtool", "check-config"),), before_each_path=(), reads="alertmanager.yml"),
    "rsyslog": Validator((("rsyslogd", "-N1"),)),
    "bind": Validator((("named-checkconf", "-z"),)),
}


@dataclass(frozen=True)
class Verdict:
    """What a validator said.

    Attributes:
        good: Whether it takes the configuration.
        positions: Where it stumbled, as `/etc/nginx/nginx.conf:7`; its own words may quote secrets, so they are not kept.
    """

    good: bool
    positions: tuple[str, ...] = ()


def validate(command: Sequence[str], within: Callable[[], None] | None = None) -> Verdict:
    """Run a validator, in a child that first does `within`; raises UnusableValidator, and SubprocessError when `within` fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd="/",
            timeout=WITHIN_SECONDS,
            check=False,
            preexec_fn=within,
        )
    except subprocess.TimeoutExpired:
        raise UnusableValidator(f"{command[0]} did not come to its end within {WITHIN_SECONDS} s") from None
    except OSError as error:
        raise UnusableValidator(f"{command[0]} can't be started: {error.strerror}") from None
    return Verdict(done.returncode == 0, positions(done.stdout.decode("utf-8", "replace")))


def positions(said: str) -> tuple[str, ...]:
    """Files and lines that a validator names, each once; none of its words."""
    places = [(*found.groups(), found.start()) for found in _POSITION.finditer(said)]
    places += [(found[2], found[1], found.start()) for found in _REVERSED.finditer(said)]
    found = dict.fromkeys(f"{path}:{line}" for path, line, _at in sorted(places, key=lambda one: one[2]))
    return tuple(found)[:MOST_POSITIONS]
