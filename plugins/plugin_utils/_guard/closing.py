# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a grant without a runner: processes, connections, token, proof, record, seal; in this order."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from .._credential.closing import close_run
from .._credential.register import Register
from .._credential.wallet import text_of
from .._errors import BreakglassError
from .._journal.stream import Stream
from .._sealing import seal_run
from .._vault import session
from .._vault.errors import DeniedByVault
from .._vault.logged_in import end_login
from .asking import give_back
from .control_sockets import end_connections
from .first_help import revoke_self
from .processes import Kin, end_all
from .signing import signer_and_anchors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._journal.canonical import JsonValue
    from .._run.live import Live
    from .opening import Opened

KILL_LIMIT_SECONDS = 10.0
LOGIN_PAUSES = (0.2, 1.0, 5.0, 0.0)
LONGEST_PAUSE_SECONDS = 30.0
AFTER_THE_BOX_SECONDS = 300.0


class Helper(Protocol):
    """What works for a run while it goes on."""

    def stop(self) -> None:
        """End, with what is under way."""


class Closing:
    """The end of one grant."""

    def __init__(self, live: Live, opened: Opened, helpers: Sequence[Helper] = ()) -> None:
        self._live = live
        self._opened = opened
        self._helpers = helpers
        self._register = Register(live.journal, live.stream, always=live.always)
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
        for helper in self._helpers:
            helper.stop()
        end_connections(self._live.run.control)
        accessor = self._opened.facts.accessor
        try:
            closed = close_run(self._opened.client, accessor, self._register)
        except BreakglassError as error:
            return self._unproven(error)
        remains: list[JsonValue] = list(closed.remains)
        self._settled = {"accessor": accessor, "proven": True, "remains": remains, "by": "guard"}
        self._settled |= {"at": text_of(closed.proof.at), "leases": len(closed.proof.lease_ids)}
        return self._settled

    def close_for_the_dead(self, why: str) -> None:
        """Say in the dead run's stream why it died, close, keep trying, and record that too."""
        body: dict[str, JsonValue] = {"why": why, "tasks_in_flight": "outcome unknown"}
        self._record("run.died", {**body, "processes_left": len(self._left)})
        answer = self._close_at_last()
        self._record("grant.revoked" if answer["proven"] else "grant.not_proven_gone", answer)
        self.seal()

    def seal(self) -> None:
        """Sign the run's streams; a login that may not sign leaves them unsigned."""
        with suppress(BreakglassError):
            signer, anchors = signer_and_anchors(self._opened.client)
            seal_run(self._live.journal, (self._live.stream, self._register.stream), signer, anchors)

    def finish(self) -> None:
        """Prove and record what is still unproven, end the login that we made, and wipe the run's directory."""
        if self._settled is None:
            answer = self._close_at_last()
            self._record("grant.revoked" if answer["proven"] else "grant.not_proven_gone", answer)
            self.seal()
        self._give_back()
        self._end_login()
        self._live.run.wipe()

    def _give_back(self) -> None:
        """Tell the runner that lent the grant; one that does not hear it closes when the time box is over."""
        if loan := self._opened.loan:
            with suppress(BreakglassError):
                give_back(self._opened.client, loan.door, loan.request)

    def _end_login(self) -> None:
        """A login that we made is dead when nothing is left of the run; one that can't be ended dies with its own life."""
        for pause in LOGIN_PAUSES:
            if self._has_ended_login():
                return
            time.sleep(pause)

    def _has_ended_login(self) -> bool:
        try:
            end_login(self._opened.client, self._opened.login)
        except DeniedByVault:
            return True
        except BreakglassError:
            return False
        return True

    def _close_at_last(self) -> dict[str, JsonValue]:
        pause = 0.5
        answer = self.close()
        while self._settled is None and time.monotonic() < self._opened.over_at + AFTER_THE_BOX_SECONDS:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            answer = self.close()
        self._settled = answer
        return answer

    def _unproven(self, error: BreakglassError) -> dict[str, JsonValue]:
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
                stream.append(kind, {**self._live.always, **body}, at=_now())


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
