# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaching a host as a play does: OpenSSH's ssh, believing the CA alone, by the inventory's address and jump hosts.

Without a certificate of ours the host's key is proven and then nobody is let in, so no grant is needed for that.
The texts that are read are those of ssh's own log at `-v`.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from breakglass.ways import Way

CONNECT_SECONDS: Final = 5
LIMIT_SECONDS: Final = 20
LONGEST_SAID: Final = 300
_PROVEN: Final = "Authentications that can continue"
_CERTIFICATE: Final = re.compile(r"Server host certificate: .* valid from (\S+) to (\S+)$", re.MULTILINE)
_CHATTER: Final = ("debug1:", "OpenSSH_", "Warning: Permanently added")


@dataclass(frozen=True)
class Answer:
    """What came of it.

    Attributes:
        code: Of ssh; 255 is its own, others are the command's.
        output: What the command printed.
        log: What ssh said.
    """

    code: int
    output: str
    log: str

    @property
    def host_is_proven(self) -> bool:
        """Whether the host's certificate was accepted: only then does ssh ask how to log in."""
        return "matches the" in self.log and _PROVEN in self.log

    @property
    def certificate_life(self) -> tuple[datetime, datetime] | None:
        """From when to when the host's certificate is good (UTC); None for one without an end, or when none was shown."""
        found = _CERTIFICATE.search(self.log)
        try:
            return (_moment(found[1]), _moment(found[2])) if found else None
        except ValueError:
            return None

    @property
    def said(self) -> str:
        """What ssh said that is not about its work, on one line."""
        lines = [
            line.strip().removesuffix(".")
            for line in self.log.splitlines()
            if line.strip() and not line.startswith(_CHATTER)
        ]
        return "; ".join(lines)[:LONGEST_SAID] or "ssh gave no reason"


def reach(way: Way, known_hosts: Path) -> Answer:
    """Have the host prove itself; nobody logs in."""
    return _ssh(way, known_hosts, ["PreferredAuthentications=none", "IdentityFile=none"], "nobody", "true")


def log_in(way: Way, user: str, files: Path, command: str) -> Answer:
    """Run a command on the host, with the key `id`, its certificate and the `known_hosts` of a directory."""
    options = ["PreferredAuthentications=publickey", f"IdentityFile={files / 'id'}"]
    return _ssh(way, files / "known_hosts", options, user, command)


def _ssh(way: Way, known_hosts: Path, login: Sequence[str], user: str, command: str) -> Answer:
    options = [
        f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        f"HostKeyAlias={way.host}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "ControlPath=none",
        f"ConnectTimeout={CONNECT_SECONDS}",
        *login,
    ]
    words = [word for option in options for word in ("-o", option)]
    # OpenSSH obeys the first value of an option: the inventory's words can add to ours, not weaken them.
    line = [
        "ssh",
        "-v",
        "-T",
        "-F",
        "/dev/null",
        *words,
        *way.extra,
        "-p",
        str(way.port),
        "-l",
        user,
        "--",
        way.address,
    ]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "TZ": "UTC"}
    try:
        done = subprocess.run(
            [*line, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(255, "", f"ssh did not come to an end within {LIMIT_SECONDS} s")
    except OSError as error:
        return Answer(255, "", f"ssh can't be started: {error.strerror}")
    return Answer(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(output: bytes) -> str:
    """What ssh logs ends its lines as terminals want them."""
    return output.decode(errors="replace").replace("\r\n", "\n")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
