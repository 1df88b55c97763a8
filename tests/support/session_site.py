# SPDX-License-Identifier: GPL-3.0-or-later
"""An office whose host has a real sshd, and a person's terminal on it over the API."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.support.office import Office, open_office
from tests.support.sshd import Sshd, sshd_or_skip
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.office import Member
    from tests.support.site import Site

LIMIT_SECONDS = 15
AUTOMATIC = """
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: automatic, time_box: 10m, escalation: on-call}
"""


@dataclass
class Terminal:
    """One session over the API.

    Attributes:
        socket: The line.
        output: What came on it.
        notices: What the runner said.
        ended: Its last word; None while it lasts.
    """

    socket: ClientConnection
    output: bytes = b""
    errors: bytes = b""
    notices: list[str] = field(default_factory=list)
    ended: dict[str, object] | None = None

    def type(self, text: str) -> None:
        """Type it."""
        self.socket.send(text.encode())

    def wait_for(self, text: str, seconds: float = LIMIT_SECONDS) -> bytes:
        """Wait until this was shown; return all that was."""
        self._listen(lambda: text.encode() in self.output, seconds)
        assert text.encode() in self.output, (self.output, self.ended)
        return self.output

    def wait_for_notice(self, text: str) -> None:
        """Wait until the runner has said this."""
        self._listen(lambda: any(text in one for one in self.notices), LIMIT_SECONDS)
        assert any(text in one for one in self.notices), (self.notices, self.ended)

    def wait_for_end(self, seconds: float = LIMIT_SECONDS) -> dict[str, object]:
        """Wait until it is over; the runner's last word."""
        self._listen(lambda: self.ended is not None, seconds)
        assert self.ended is not None, self.output
        return self.ended

    def _listen(self, enough: object, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not enough() and time.monotonic() < until and self.ended is None:  # type: ignore[operator]
            try:
                self._take(self.socket.recv(timeout=0.5))
            except TimeoutError:
                continue
            except ConnectionClosed:
                return

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.output += message[1:] if message[:1] == b"\x01" else b""
            self.errors += message[1:] if message[:1] == b"\x02" else b""
            return
        said = json.loads(message)
        if "notice" in said:
            self.notices.append(str(said["notice"]))
        else:
            self.ended = said


def address(office: Office, request: str, host: str = "web1") -> str:
    """Where a session is opened."""
    return f"{office.runner.url.replace('http', 'ws', 1)}/api/v1/requests/{quote(request)}/sessions/{quote(host)}"


@contextmanager
def terminal(office: Office, who: Member, request: str, command: str | None = None) -> Iterator[Terminal]:
    """A session of theirs."""
    headers = {"Authorization": f"Bearer {office.identity_token(who)}"}
    wish = {"command": command, "terminal": "xterm", "columns": 100, "rows": 30}
    with connect(address(office, request), additional_headers=headers, proxy=None, open_timeout=30) as socket:
        socket.send(json.dumps(wish))
        yield Terminal(socket)


def granted(office: Office, who: Member, seconds: int = 300) -> str:
    """A request of theirs whose grant is open."""
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "locks on orders", "time_box_seconds": seconds}
    status, made = office.call("POST", "/requests", who, wish)
    assert status == 202, made
    request = str(made["request"])
    office.site.wait_for(request, "play.intent")
    return request


def processes_with(word: str) -> list[str]:
    """The command lines of all processes of this machine that have this word among theirs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(b" ".join(words).decode(errors="replace"))
    return found


@contextmanager
def session_office(
    policy: str = AUTOMATIC,
    also: Callable[[Site, Client], str] = lambda _site, _admin: "",
    *,
    hand_out: bool = False,
) -> Iterator[tuple[Office, Sshd]]:
    """An office whose web1 is a real sshd that lets in whoever runs the tests.

    `also` prepares what the access opens besides, and gives it as an item of `credentials:`. For `hand_out` see `open_office`.
    """
    sshd_or_skip()
    hosts: list[Sshd] = []

    def real_host(site: Site) -> None:
        with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
            host = Sshd(site.scratch / "sshd", admin, "web1")
            more = also(site, admin)
        host.start()
        hosts.append(host)
        inventory = yaml.safe_load(site.place.inventory.read_text(encoding="utf-8"))
        inventory["web"]["hosts"]["web1"]["ansible_port"] = host.port
        site.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        text = site.place.policy.read_text(encoding="utf-8")
        access = f"    hosts: [web]\n    credentials: [{{kind: ssh, user: {host.user}}}{more and f', {more}'}]\n"
        site.place.policy.write_text(text.replace("    hosts: [web]\n", access, 1), encoding="utf-8")

    try:
        with open_office(policy, real_host, hand_out=hand_out) as office:
            yield office, hosts[0]
    finally:
        for host in hosts:
            host.stop()
