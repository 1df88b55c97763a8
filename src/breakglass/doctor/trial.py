# SPDX-License-Identifier: GPL-3.0-or-later
"""A grant that doctor opens to see whether hosts let it in: small, recorded like any other, closed and proven gone."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.closing import close
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import (
    GrantRequest,
    mint_wrapped,
    unwrap,
)

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.domain.draft import Note
from breakglass.errors import BreakglassError
from breakglass.store.database import Database
from breakglass.store.looking import file_of

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.settings_database import DatabaseAddress
    from breakglass.store.journal_queue import JournalQueue

LONGEST: Final = timedelta(minutes=5)
ABOUT: Final = "grant"


@dataclass
class Trial:
    """One grant under one access.

    Attributes:
        client: The runner's login.
        queue: Where records wait for the journal.
        access: Name of the access.
        box: Its time box; a trial takes less.
    """

    client: Client
    queue: JournalQueue
    access: str
    box: timedelta
    accessor: str = ""
    lives_on: str = ""
    _ended: list[Finding] = field(default_factory=list)
    _closing: threading.Lock = field(default_factory=threading.Lock)

    def open(self, person: str, hosts: list[str], directory: Path) -> None:
        """Mint a grant, and lay key, certificate and `known_hosts` for these hosts into a directory.

        Nothing is minted that is not recorded first, and nothing is used before its accessor is.

        Raises:
            BreakglassError: It can't be recorded, or Vault does not give it.
        """
        self._record("login.tried", {"by": person, "access": self.access, "hosts": hosts})
        request = GrantRequest(
            self.access, min(self.box, LONGEST), f"breakglass-{self.access}", {"purpose": "doctor", "person": person}
        )
        wrapped = mint_wrapped(self.client, request)
        self.accessor = wrapped.accessor
        self._record("grant.minted", {"accessor": self.accessor, "expires_at": wrapped.expires_at.isoformat()})
        own = self.client.with_token(unwrap(self.client, wrapped.token, request, self.accessor).token)
        keys = ssh.generate_key_pair()
        certificate = ssh.sign(
            own, self.access, keys.public_key, ssh.SshRequest(tuple(hosts), "breakglass-doctor", LONGEST)
        )
        self.lives_on = f"SSH certificate {certificate.serial} for {', '.join(hosts)} expires at {certificate.valid_before:%Y-%m-%dT%H:%M:%SZ}"
        _lay(directory / "id", keys.private_key)
        _lay(directory / "id-cert.pub", f"{certificate.text}\n".encode())
        _lay(directory / "known_hosts", f"@cert-authority {','.join(hosts)} {certificate.ca_public_key}\n".encode())

    def tell(self, let_in: list[str], failures: list[str]) -> None:
        """Record what came of it, unless doctor was interrupted meanwhile; raises BreakglassError."""
        if not self._ended:
            self._record("login.ended", {"access": self.access, "hosts": let_in, "failures": failures})

    def close(self) -> Finding | None:
        """Revoke the grant and prove it gone; once, and None when none was minted. Says what lives on, and never raises."""
        with self._closing:  # who is interrupted closes it while the check itself may be about to
            if self.accessor and not self._ended:
                self._ended.append(self._closed())
            return self._ended[0] if self._ended else None

    def _closed(self) -> Finding:
        try:
            close(self.client, self.accessor)
        except BreakglassError as error:
            finding = wrong(ABOUT, f"NOT PROVEN GONE: {error} It ends by itself within {LONGEST.seconds // 60} minutes")
            kind, body = "grant.not_proven_gone", {"accessor": self.accessor, "proven": False, "why": str(error)}
        else:
            finding = ok(ABOUT, f"revoked, proven gone; {self.lives_on or 'nothing was obtained under it'}")
            kind, body = "grant.revoked", {"accessor": self.accessor, "proven": True, "remains": self.lives_on}
        try:
            self._record(kind, body)
        except BreakglassError as error:
            return wrong(ABOUT, f"{finding.says}; but its end can't be recorded: {error}")
        return finding

    def _record(self, kind: str, body: dict[str, object]) -> None:
        self.queue.add_to_day([Note(kind, body)])


def open_database(address: DatabaseAddress) -> Database:
    """The runner's database, made if there is none: what is done must be recorded. Raises BreakglassError."""
    path = file_of(address.url)
    if path is not None and not path.exists():
        Database.open(*address).close()
    return Database.beside(*address)


def _lay(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
