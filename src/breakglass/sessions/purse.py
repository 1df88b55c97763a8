# SPDX-License-Identifier: GPL-3.0-or-later
"""The grants under which the runner itself logs in for people: unwrapped in this process, in memory, gone with their loan."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import OpenGrant, keep
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import Register
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.renewal import renewed_lease
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import CERTIFICATE, SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import text_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest, unwrap
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.lease import revoke_lease

from breakglass.errors import BreakglassError
from breakglass.sessions.host_link import Login
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Order
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import Credential

    from breakglass.domain.incident import Incident
    from breakglass.effects.lend import Loan
    from breakglass.journal import Journal
    from breakglass.vault_session import VaultSession


TAKEN_WITHIN_SECONDS = 10.0


class NoLoan(BreakglassError):
    """Raised when the runner has no grant to use: it has not opened, or it is over."""


@dataclass
class _Open:
    """A grant, and what was obtained under it. Its turn is for one at a time: the stream of credentials has one writer."""

    grant: OpenGrant
    register: Register
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Purse:
    """Open grants by incident.

    Attributes:
        session: In Vault.
        journal: Where credentials are recorded.
        runs: Below it, directories in which a credential lies for a moment.
    """

    session: VaultSession
    journal: Journal
    runs: Path
    _open: dict[str, _Open] = field(default_factory=dict)
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def login(self, incident: Incident, host: str, stream: str) -> Login:
        """A key and a certificate for exactly this host, for one session. Raises BreakglassError."""
        with self._lock:
            self._lock.wait_for(lambda: incident.id in self._open, TAKEN_WITHIN_SECONDS)  # it opens at this moment
        _, files = self.obtain(incident.id, SshOrder(self._opened(incident.id).grant.access, (host,), stream))
        plan = incident.course.plan
        return Login(plan.user if plan else "", files["id"], files[CERTIFICATE], files["known_hosts"])

    def obtain(self, incident: str, order: Order) -> tuple[Credential, Mapping[str, bytes]]:
        """One credential under an open grant, and its files. Raises BreakglassError."""
        opened = self._opened(incident)
        run = RunDirectory.create(self.runs)
        try:
            with opened.turn:
                self.journal.announce(opened.register.stream, incident)
                made = keep(run, opened.register, opened.grant, order)
            return made, {name: (run.credential(made.name) / name).read_bytes() for name in made.files}
        except OSError as error:
            raise NoLoan(f"A credential of this session can't be kept: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                run.wipe()

    def renew(self, incident: str, credential: Credential) -> Credential:
        """Have its lease live for as long again, within the time box. Raises BreakglassError."""
        opened = self._opened(incident)
        with opened.turn:
            return renewed_lease(opened.grant, opened.register, credential, datetime.now(UTC))

    def drop(self, incident: str, credential: Credential) -> None:
        """Take back what stands behind its lease, before the grant is closed, which does it too. Raises BreakglassError."""
        revoke_lease(self._opened(incident).grant.client, credential.lease_id)

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
        play = f"{incident_directory(incident.id, incident.opened_at)}/play-{incident.attempt.number}"
        register = Register(self.journal.directory, play, announced=True)
        client = self.session.client()
        opened = unwrap(client, loan.token, request, loan.accessor)
        grant = OpenGrant(client.with_token(opened.token), plan.access, text_of(opened.facts.expires_at))
        with self._lock:
            self._open[incident.id] = _Open(grant, register)
            self._lock.notify_all()

    def _opened(self, incident: str) -> _Open:
        with self._lock:
            found = self._open.get(incident)
        if found is None:
            raise NoLoan(
                f"The runner has no grant of {incident} open: it is over, or was opened by a runner that died."
            )
        return found
