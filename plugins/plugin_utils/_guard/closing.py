# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant without a runner: processes, connections, token, proof, record, seal; in this order."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.ledger import Ledger
from .._journal.stream import Stream
from .._sealing import VaultSigner, seal
from .._vault.anchors import VaultAnchors
from .._vault.closing import close
from .control_sockets import end_connections
from .opening import Opened, end_login
from .processes import Kin, end_all

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._run.live import Live

KILL_LIMIT_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0
AFTER_THE_BOX = timedelta(minutes=5)


class Closing:
    """The end of one grant."""

    def __init__(self, live: Live, opened: Opened) -> None:
        self._live = live
        self._opened = opened
        self._proof: dict[str, JsonValue] | None = None
        self._left: set[int] = set()

    def end_processes(self) -> None:
        """End every process of a run whose main process is dead: its workers go on otherwise."""
        self._left = end_all(Kin(self._live.run.lock).alive, KILL_LIMIT_SECONDS)

    def close(self) -> dict[str, JsonValue]:
        """One try: revoke and prove. Returns what to record of it."""
        if self._proof is not None:
            return self._proof
        end_connections(self._live.run.control)
        facts = self._opened.facts
        try:
            proof = close(self._opened.client, facts.accessor)
        except BreakglassError as error:
            return {"accessor": facts.accessor, "proven": False, "why": str(error)}
        self._proof = {"accessor": facts.accessor, "proven": True, "remains": self._remains(), "by": "guard"}
        self._proof["at"] = f"{proof.at:%Y-%m-%dT%H:%M:%SZ}"
        return self._proof

    def close_for_the_dead(self) -> None:
        """Close, keep trying, and record it in the dead run's stream."""
        answer = self._close_at_last()
        with suppress(BreakglassError):
            path = self._live.journal / f"{self._live.stream}.jsonl"
            with Stream.resume(path, self._live.stream, _now) as stream:
                body: dict[str, JsonValue] = {
                    "why": "Ansible's main process died",
                    "tasks_in_flight": "outcome unknown",
                }
                stream.append("run.died", {**body, "processes_left": len(self._left)}, at=_now())
                stream.append("grant.revoked" if answer["proven"] else "grant.not_proven_gone", answer, at=_now())
        self.seal()

    def seal(self) -> None:
        """Sign and anchor the run's stream with the operator's login; a login that may not sign leaves it unsigned."""
        with suppress(BreakglassError):
            signer = VaultSigner(self._opened.client)
            anchors = VaultAnchors(self._opened.client)
            seal(Ledger.open(self._live.journal), self._live.journal, [self._live.stream], signer, anchors)

    def finish(self) -> None:
        """Prove what is still unproven, end the login that we made, and wipe the run's directory."""
        self._close_at_last()
        with suppress(BreakglassError):
            end_login(self._opened.client, self._opened.login)
        self._live.run.wipe()

    def _close_at_last(self) -> dict[str, JsonValue]:
        pause = 0.5
        while not (answer := self.close())["proven"]:
            if _now() > self._opened.facts.expires_at + AFTER_THE_BOX:
                break
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return answer

    def _remains(self) -> str:
        if not self._live.run.certificate.exists():
            return ""
        return f"The SSH certificate expires at {self._opened.facts.expires_at:%H:%M:%S} UTC at the latest."


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
