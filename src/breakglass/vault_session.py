# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's own session in Vault: parent of every grant that it mints.

It is renewed long before its period is over. After a restart the dead runner's session is revoked first, and with it
every grant that was never taken. While Vault can't be reached the runner goes on receiving alerts; whoever needs the
session then gets the error, and tries again.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.approle import AppRoleLogin

from breakglass.errors import BreakglassError
from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

    from breakglass.store.sessions import Sessions

LOG = logging.getLogger("breakglass.vault")
LOOK_EVERY_SECONDS = 5.0
FIRST_TRY_SECONDS = 10.0
"""A Vault that swallows what it is sent must not keep the runner from taking alerts for longer."""
RENEW_BELOW_SECONDS = 400.0  # of a period of ten minutes


class NoSession(BreakglassError):
    """Raised when Vault is needed and the runner is not logged in; it goes on trying."""


class TooMuchPower(BreakglassError):
    """Raised when the runner's login has more rights than its own policy."""


class VaultSession:
    """Logs in when needed, and keeps the session alive in the background."""

    def __init__(self, connection: Connection, role_id_file: Path, secret_id_file: Path, sessions: Sessions) -> None:
        self._connection = connection
        self._role_id_file = role_id_file
        self._secret_id_file = secret_id_file
        self._sessions = sessions
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="vault-session", daemon=True)
        self.trouble = "not logged in to Vault yet"

    def start(self) -> None:
        """Log in and renew in the background; returns when the first try is over, or takes long."""
        self._thread.start()
        self._tried.wait(FIRST_TRY_SECONDS)

    def client(self) -> Client:
        """Vault, with the session's token.

        Raises:
            BreakglassError: There is no session and none can be had now; waiting may help.
        """
        with self._lock:
            if self._client is None:
                raise NoSession(f"The runner has no session in Vault: {self.trouble}")
            return self._client

    def close(self) -> None:
        """End the session, and with it what it minted and nobody closed."""
        self._stop.set()
        with self._lock, suppress(BreakglassError):
            if self._client is not None:
                accessor = session.lookup(self._client).accessor
                session.revoke(self._client)
                self._client = None
                self._sessions.ended(accessor)

    def _log_in(self) -> Client:
        method = AppRoleLogin(read_secret_file(self._role_id_file), read_secret_file(self._secret_id_file))
        bare = Client(self._connection, None)
        login = method.authenticate(bare)
        client = bare.with_token(login.token)
        try:
            _refuse_inherited_rights(session.lookup(client))
            self._sessions.opened(login.accessor)
        except BreakglassError:
            with suppress(BreakglassError):
                session.revoke(client)
            raise
        return client

    def _end_dead_sessions(self, client: Client) -> None:
        """End the sessions of dead runners, and with each all grants that it minted; tried again until it is proven."""
        for accessor in self._sessions.left_over():
            close(client, accessor)
            self._sessions.ended(accessor)

    def _keep_alive(self) -> None:
        while True:
            self._round()
            self._tried.set()
            if self._stop.wait(LOOK_EVERY_SECONDS):
                return

    def _round(self) -> None:
        """Log in, or renew; then end what dead runners left. Nobody else waits for Vault here."""
        client = self._client
        try:
            if client is None:
                client = self._log_in()
                with self._lock:
                    self._client = client
            elif session.lookup(client).ttl.total_seconds() < RENEW_BELOW_SECONDS:
                session.renew(client)
            self._end_dead_sessions(client)
            self.trouble = ""
        except DeniedByVault as error:
            self.trouble = str(error)
            with self._lock:
                self._client = None
        except BreakglassError as error:
            self.trouble = str(error)
        except Exception:
            self.trouble = "the session in Vault failed for a fault of ours; see the log"
            LOG.exception("The session in Vault failed for a fault of ours; it is tried again.")


def _refuse_inherited_rights(found: session.Session) -> None:
    """A grant that is a child of this session would inherit what its entity has."""
    if found.identity_policies:
        raise TooMuchPower(
            f"The runner's login inherits the policies {', '.join(sorted(found.identity_policies))} from its entity or its "
            "groups, and every grant would too. Take them away from the entity in Vault."
        )
