# SPDX-License-Identifier: GPL-3.0-or-later
"""The grants under which the runner itself logs in for people: unwrapped in this process, in memory, gone with their loan."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import OpenGrant, keep
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import (
    Register,
    credential_stream,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import CERTIFICATE, SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import text_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest, unwrap

from breakglass.errors import BreakglassError
from breakglass.sessions.host_link import Login
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.effects.lend import Loan
    from breakglass.journal import Journal
    from breakglass.vault_session import VaultSession


TAKEN_WITHIN_SECONDS = 10.0


class NoLoan(BreakglassError):
    """Raised when the runner has no grant to use: it has not opened, or it is over."""


@dataclass
class Purse:
    """Open grants by incident.

    Attributes:
        session: In Vault.
        journal: Where credentials are recorded.
        runs: Below it, directories in which a key lies for a moment.
    """

    session: VaultSession
    journal: Journal
    runs: Path
    _open: dict[str, OpenGrant] = field(default_factory=dict)
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def login(self, incident: Incident, host: str, stream: str) -> Login:
        """A key and a certificate for exactly this host, for one session. Raises BreakglassError."""
        with self._lock:
            self._lock.wait_for(lambda: incident.id in self._open, TAKEN_WITHIN_SECONDS)  # it opens at this moment
            grant = self._open.get(incident.id)
            if grant is None:
                raise NoLoan(
                    f"The runner has no grant of {incident.id} open: it is over, or was opened by a runner that died."
                )
        with self._turn:  # the stream of credentials has one writer at a time
            play = f"{incident_directory(incident.id, incident.opened_at)}/play-{incident.attempt.number}"
            self.journal.announce(credential_stream(play), incident.id)
            register = Register(self.journal.directory, play, announced=True)
            return self._obtained(grant, register, SshOrder(grant.access, (host,), stream), incident)

    def forget(self, incident: str) -> None:
        """The loan is over."""
        with self._lock:
            self._open.pop(incident, None)

    def take(self, incident: Incident, loan: Loan) -> None:
        """Open the grant: from now on it is this process's alone. Raises BreakglassError."""
        plan = incident.course.plan
        if plan is None:
            raise NoLoan(f"{incident.id} has no plan.")
        request = GrantRequest(
            plan.access, timedelta(seconds=plan.time_box_seconds), f"breakglass-{plan.access}", loan.meta
        )
        client = self.session.client()
        opened = unwrap(client, loan.token, request, loan.accessor)
        grant = OpenGrant(client.with_token(opened.token), plan.access, text_of(opened.facts.expires_at))
        with self._lock:
            self._open[incident.id] = grant
            self._lock.notify_all()

    def _obtained(self, grant: OpenGrant, register: Register, order: SshOrder, incident: Incident) -> Login:
        run = RunDirectory.create(self.runs)
        try:
            keep(run, register, grant, order)
            plan = incident.course.plan
            return Login(
                user=plan.user if plan else "",
                key=run.key.read_bytes(),
                certificate=(run.ssh / CERTIFICATE).read_bytes(),
                known_hosts=run.known_hosts.read_bytes(),
            )
        except OSError as error:
            raise NoLoan(f"The key of this session can't be kept: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                run.wipe()
