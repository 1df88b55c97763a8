# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard at the doors without a runner: one process that opens the grant, watches the run, and closes the grant.

It is forked by the `grant` action before anything is minted, so there is no moment in which a grant has no guard; it
leaves session, process group and streams of the run behind, so that what ends the run does not end it. It closes when
the callback says so, when Ansible's main process dies however that happens, when it is told to by SIGTERM, and when the
time box is over. If it is killed itself, a second process closes in its place.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import line
from .closing import Closing
from .detaching import in_a_process_of_its_own, leave_run
from .first_help import revoke_self
from .opening import Opened, Order, open_grant
from .renewing import Renewer
from .signing import Signing
from .standby import place

if TYPE_CHECKING:
    from .._run.live import Live

OPENING_LIMIT_SECONDS = 60
LONGEST_LOOK_SECONDS = 1.0
DIED = "died"


class RefusedGrant(BreakglassError):
    """Raised in the action when the guard could not open the grant; its text is the guard's reason."""


def start(live: Live, order: Order) -> dict[str, object]:
    """Fork the guard, have it open the grant, and return what is known of it; raises RefusedGrant."""
    reading, writing = os.pipe()
    in_a_process_of_its_own(lambda: _Guard(live, order, writing).run(), lambda: revoke_self(live.run))
    os.close(writing)
    try:
        answer = _answer(reading, OPENING_LIMIT_SECONDS + order.patience_seconds)
    finally:
        os.close(reading)
    if "error" in answer:
        raise RefusedGrant(str(answer["error"]))
    return answer


def _answer(reading: int, limit_seconds: float) -> dict[str, object]:
    ready, _writable, _broken = select.select([reading], [], [], limit_seconds)
    text = os.read(reading, line.LARGEST_MESSAGE) if ready else b""
    with suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return answer
    return {
        "error": "The guard of the grant died or did not answer. Whatever it minted dies with its time box. Try again."
    }


class _Guard:
    def __init__(self, live: Live, order: Order, writing: int) -> None:
        self._live = live
        self._order = order
        self._writing = writing
        self._told = False
        self._main = -1
        self._asker = live.guard_end

    def run(self) -> None:
        """Open, watch, close, exit."""
        self._detach()
        self._main = os.pidfd_open(self._live.main_pid)
        opened = self._open()
        if opened is None:
            os._exit(1)
        standby = place(lambda: self._stand_in(opened))  # before there are threads, which a fork would lose
        helpers = (Renewer(self._live), Signing(self._live, opened.client))
        for helper in helpers:
            helper.start()
        closing = Closing(self._live, opened, helpers)
        if not self._serve(closing, self._watch(opened)):
            closing.end_processes()
            closing.close_for_the_dead("Ansible's main process died")
        closing.finish()
        standby.dismiss()
        os._exit(0)

    def _stand_in(self, opened: Opened) -> None:
        """In the second process, when the guard is dead: a run without its guard must end."""
        closing = Closing(self._live, opened.anew())
        closing.end_processes()
        closing.close_for_the_dead("the guard of its grant was killed")
        closing.finish()

    def _detach(self) -> None:
        leave_run({self._writing, self._live.guard_end.fileno(), self._live.guard_worker_end.fileno()})
        signal.signal(signal.SIGTERM, self._be_told)

    def _be_told(self, _number: int, _frame: object) -> None:
        self._told = True

    def _open(self) -> Opened | None:
        try:
            opened = open_grant(self._order, self._live.run, os.getpid())
        except BreakglassError as error:
            self._tell({"error": str(error)})
            return None
        self._tell(self._live.run.read_json(self._live.run.grant) or {})
        return opened

    def _tell(self, answer: dict[str, object]) -> None:
        """Answer the action; one that waits no more has failed, so the grant is closed again."""
        try:
            os.write(self._writing, json.dumps(answer).encode())
        except OSError:
            self._told = True
        os.close(self._writing)

    def _watch(self, opened: Opened) -> str:
        """Wait for a reason to close: what the callback asks for, DIED, or a sentence for the callback."""
        while not self._told:
            left = opened.over_at - time.monotonic()
            if left <= 0:
                return "The time box of this run's grant is over, so the grant was closed."
            if asked := self._heard(min(left, LONGEST_LOOK_SECONDS)):
                return asked
        return "The guard of this run's grant was told to close it."

    def _heard(self, limit_seconds: float) -> str:
        """What callback or task ask for, DIED when there is nobody to ask any more, or nothing within the limit."""
        asking = (self._live.guard_end, self._live.guard_worker_end)
        ready, _writable, _broken = select.select(
            [self._main, *(end.fileno() for end in asking)], [], [], limit_seconds
        )
        for end in asking:
            if end.fileno() in ready and (word := str(line.receive(end).get("do", ""))):
                self._asker = end  # an empty word is the end of the line, which says less than the end of the process
                return word
        return DIED if self._main in ready else ""

    def _serve(self, closing: Closing, asked: str) -> bool:
        """Close, and do what the callback asks for until it has the run sealed; False when it died before that."""
        if asked not in {line.CLOSE, line.STOP, line.SEAL, DIED}:
            line.send(self._live.guard_end, {"because": asked})  # first: the end of its workers ends the run, too
            closing.end_processes(frozenset({self._live.main_pid}))
            closing.close()
            asked = ""
        while asked != DIED:
            if asked == line.SEAL:
                closing.seal()
                line.send(self._asker, {"to": asked})
                return True
            if asked == line.STOP:
                closing.end_processes(frozenset({self._live.main_pid}))
            if asked:
                line.send(self._asker, {"to": asked, **closing.close()})
            asked = self._heard(LONGEST_LOOK_SECONDS)
            if not asked:
                closing.close()  # once more where it is not proven yet
        return False
