# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant without a runner: processes, connections, token, proof, record, seal; in this order."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.ledger import Ledger
from .._journal.stream import Stream
from .._sealing import VaultSigner, checkpoint, seal_stream
from .._vault import session
from .._vault.anchors import VaultAnchors
from .._vault.closing import close
from .._vault.errors import DeniedByVault, UnprovenRevocation
from .control_sockets import end_connections
from .first_help import revoke_self
from .opening import Opened, end_login
from .processes import Kin, end_all

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._run.live import Live

KILL_LIMIT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
AFTER_THE_BOX_SECONDS = 300.0


class Closing:
    """The end of one grant."""

    def __init__(self, live: Live, opened: Opened) -> None:
        self._live = live
        self._opened = opened
        self._settled: dict[str, JsonValue] | None = None
        self._left: set[int] = set()

    def end_processes(self, spared: frozenset[int] = frozenset()) -> None:
        """End every process of a run that must stop, but for those that are spared: its workers go on otherwise."""
        run = self._live.run
        self._left = end_all(Kin(run.lock, run.mark, spared).alive, KILL_LIMIT_SECONDS)

    def close(self) -> dict[str, JsonValue]:
        """One try: revoke and prove. Returns what to record of it."""
        if self._settled is not None:
            return self._settled
        end_connections(self._live.run.control)
        facts = self._opened.facts
        try:
            proof = close(self._opened.client, facts.accessor)
        except UnprovenRevocation as error:
            return self._unproven(error)
        self._settled = {"accessor": facts.accessor, "proven": True, "remains": self._remains(), "by": "guard"}
        self._settled["at"] = f"{proof.at:%Y-%m-%dT%H:%M:%SZ}"
        return self._settled

    def close_for_the_dead(self) -> None:
        """Say in the dead run's stream that it died, close, keep trying, and record that too."""
        why: dict[str, JsonValue] = {"why": "Ansible's main process died", "tasks_in_flight": "outcome unknown"}
        self._record("run.died", {**why, "processes_left": len(self._left)})
        answer = self._close_at_last()
        self._record("grant.revoked" if answer["proven"] else "grant.not_proven_gone", answer)
        self.seal()

    def seal(self) -> None:
        """Sign and anchor the run's stream with the operator's login; a login that may not sign leaves it unsigned."""
        with suppress(BreakglassError):
            signer = VaultSigner(self._opened.client)
            anchors = VaultAnchors(self._opened.client)
            ledger = Ledger.open(self._live.journal)
            seal_stream(ledger, self._live.journal, self._live.stream, signer, anchors)
            checkpoint(ledger.path, ledger.origin, ledger.head(), signer, anchors)

    def finish(self) -> None:
        """Prove and record what is still unproven, end the login that we made, and wipe the run's directory."""
        if self._settled is None:
            answer = self._close_at_last()
            self._record("grant.revoked" if answer["proven"] else "grant.not_proven_gone", answer)
            self.seal()
        with suppress(BreakglassError):
            end_login(self._opened.client, self._opened.login)
        self._live.run.wipe()

    def _close_at_last(self) -> dict[str, JsonValue]:
        pause = 0.5
        answer = self.close()
        while self._settled is None and time.monotonic() < self._opened.over_at + AFTER_THE_BOX_SECONDS:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            answer = self.close()
        self._settled = answer
        return answer

    def _unproven(self, error: UnprovenRevocation) -> dict[str, JsonValue]:
        """What to record of a try that failed. When the login died meanwhile, the grant can still end itself."""
        answer: dict[str, JsonValue] = {"accessor": self._opened.facts.accessor, "proven": False, "why": str(error)}
        if self._login_is_dead():
            answer["why"] = f"{error} {revoke_self(self._live.run)}"
            self._settled = answer
        return answer

    def _login_is_dead(self) -> bool:
        try:
            session.lookup(self._opened.client)
        except DeniedByVault:
            return True
        except BreakglassError:
            return False
        return False

    def _record(self, kind: str, body: dict[str, JsonValue]) -> None:
        """Write into the stream of a run that doesn't write any more; what can't be recorded must still be closed."""
        with suppress(BreakglassError):
            path = self._live.journal / f"{self._live.stream}.jsonl"
            with Stream.resume(path, self._live.stream, _now) as stream:
                stream.append(kind, body, at=_now())

    def _remains(self) -> str:
        if not self._live.run.certificate.exists():
            return ""
        return f"The SSH certificate expires at {self._opened.facts.expires_at:%H:%M:%S} UTC at the latest."


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
