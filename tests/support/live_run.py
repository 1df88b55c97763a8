# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as the audit callback announces it, without Ansible: real directory, journal and lines; and a real open grant."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.closing import Closed, close_run
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import Register
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import Opened, Order, open_grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.live import Live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantKind, GrantRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record
    from tests.support.openbao import PreparedVault

STREAM: Final = "2026/11/22/RUN-TEST0001/play-1"


@dataclass
class LiveRun:
    """A run that is recorded.

    Attributes:
        live: What the callback announces.
        opened: Its grant, once `open` has opened one.
    """

    live: Live
    opened: Opened | None = field(default=None, repr=False)

    @property
    def run(self) -> RunDirectory:
        """Its directory."""
        return self.live.run

    @property
    def register(self) -> Register:
        """Its credential stream."""
        return Register(self.live.journal, self.live.stream)

    @property
    def records(self) -> list[Record]:
        """What its credential stream says."""
        return self.register.read()

    @property
    def kinds(self) -> list[str]:
        """The kinds of these records."""
        return [record.kind for record in self.records]

    def open(
        self,
        vault: PreparedVault,
        access: str,
        time_box: timedelta = timedelta(minutes=10),
        kind: GrantKind = GrantKind.ORPHAN,
        url: str = "",
    ) -> Opened:
        """Open a grant with a real operator's login, as the guard does; `url` is the way to Vault that it goes."""
        method = login_method({"auth_method": "token", "token": vault.operator_token()}, {})
        request = GrantRequest(access, time_box, f"breakglass-{access}", {"reason": "test", "stream": self.live.stream})
        connection = Connection(url=url or vault.connection.url, retries=0)
        order = Order(connection, method, request, {"reason": "test", "ticket": ""}, kind)
        self.opened = open_grant(order, self.run, os.getpid())
        return self.opened

    def close(self) -> Closed:
        """Close the grant with everything under it, as the guard does."""
        assert self.opened is not None
        return close_run(self.opened.client, self.opened.facts.accessor, self.register)

    def everything_written(self) -> str:
        """Every byte of the journal, and of what the run's directory tells about its credentials."""
        told = [path for path in self.live.journal.rglob("*") if path.is_file()]
        told += [self.run.grant, *self.run.credentials.glob("*/credential.json")]
        return "\n".join(path.read_text(encoding="utf-8") for path in told if path.exists())


@contextmanager
def live_run() -> Iterator[LiveRun]:
    """Make one, and leave nothing of it; below a directory with a short name, for the sockets of ssh."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    ends = [end for _ in range(2) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    try:
        journal = directory / "journal"
        Ledger.create(journal)
        run = RunDirectory.create(directory / "runs")
        yield LiveRun(Live(run, os.getpid(), journal, STREAM, False, {}, *ends))
    finally:
        for end in ends:
            end.close()
        shutil.rmtree(directory, ignore_errors=True)
