# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a run's credentials alive within its time box: leases renewed, short SSH certificates signed anew in place.

One implementation for both guards: a thread of the process that watches over the run. It ends before the grant is closed.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from .._credential.holding import LEFT
from .._credential.obtaining import NoOpenGrant, OpenGrant, keep, open_grant_of
from .._credential.register import Register
from .._credential.renewal import is_due, renewed_lease
from .._credential.ssh import SshOrder
from .._credential.wallet import credentials_of, describe, moment_of, read_credential
from .._errors import BreakglassError
from .._run.turns import one_at_a_time
from .._vault import session
from .._vault.ssh import KeyPair

if TYPE_CHECKING:
    from .._credential.obtaining import Recorded
    from .._credential.wallet import Credential

LOOK_EVERY_SECONDS = 1.0
TRY_AGAIN_SECONDS = 5.0
LONGEST_JOIN_SECONDS = 15.0
SHORT_TOKEN_EVERY = timedelta(seconds=30)


class Renewer:
    """Renews what passes the half of its life."""

    def __init__(self, run: Recorded) -> None:
        self._run = run.run
        self._register = Register(run.journal, run.stream, announced=run.under_runner, always=run.always)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="renewer", daemon=True)
        self._told: set[str] = set()
        self._token_due: datetime | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request that is under way gets a while to end first, so that what it made is recorded."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_JOIN_SECONDS)

    def _keep_alive(self) -> None:
        pause = LOOK_EVERY_SECONDS
        while not self._stop.wait(pause):
            pause = self._pause_after_look()

    def _pause_after_look(self) -> float:
        try:
            self.look(datetime.now(tz=timezone.utc))
        except Exception:  # noqa: BLE001 (what could not be renewed is recorded; a thread that died would let all expire)
            return TRY_AGAIN_SECONDS
        return LOOK_EVERY_SECONDS

    def look(self, now: datetime) -> None:
        """Renew everything that is due. Raises BreakglassError when something could not be renewed."""
        try:
            grant = open_grant_of(self._run)
        except NoOpenGrant:
            return
        self._renew_token(grant, now)
        failure: BreakglassError | None = None
        for credential in credentials_of(self._run):
            if is_due(credential, moment_of(grant.expires_at), now):
                failure = self._renewed(grant, credential, now) or failure
        if failure is not None:
            raise failure

    def _renew_token(self, grant: OpenGrant, now: datetime) -> None:
        """A short grant dies soon after its guard; while the guard lives, so does it."""
        if self._token_due is None or now >= self._token_due:
            self._token_due = now + SHORT_TOKEN_EVERY
            if (self._run.read_json(self._run.grant) or {}).get("renewed"):
                try:
                    session.renew(grant.client)
                except BreakglassError:
                    self._token_due = now + timedelta(seconds=TRY_AGAIN_SECONDS)
                    raise

    def _renewed(self, grant: OpenGrant, credential: Credential, now: datetime) -> BreakglassError | None:
        try:
            with one_at_a_time(self._run):
                if read_credential(self._run, credential.name) == credential:  # else a task has replaced it meanwhile
                    self._renew(grant, credential, now)
        except BreakglassError as error:
            self._tell(credential, error)
            return error
        self._told.discard(credential.id)
        return None

    def _renew(self, grant: OpenGrant, credential: Credential, now: datetime) -> None:
        if credential.kind == SshOrder.kind:
            keep(self._run, self._register, grant, self._same_again(grant, credential))
            return
        describe(self._run, renewed_lease(grant, self._register, credential, now))

    def _same_again(self, grant: OpenGrant, credential: Credential) -> SshOrder:
        """The order behind the certificate, for the same key."""
        known = credential.identity
        hosts, seconds = known["hosts"], known["longest"]
        return SshOrder(
            access=grant.access,
            hosts=tuple(str(host) for host in hosts) if isinstance(hosts, list) else (),
            key_id=str(known["key_id"]),
            longest=timedelta(seconds=int(str(seconds))) if seconds else None,
            key_pair=KeyPair(self._run.key.read_bytes(), str(credential.facts["public_key"])),
        )

    def _tell(self, credential: Credential, error: BreakglassError) -> None:
        """Record once that a credential could not be renewed, and until when it lives."""
        if credential.id not in self._told:
            self._told.add(credential.id)
            body = {"credential": credential.id, "name": credential.name, "lives_until": credential.expires_at}
            with suppress(BreakglassError), one_at_a_time(self._run):
                self._register.write(LEFT, {**body, "why": str(error)[:500]})
