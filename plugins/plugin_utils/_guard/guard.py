# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard at the doors without a runner: one process that opens the grant, watches the run, and closes the grant.

It is forked by the `grant` action before anything is minted, so there is no moment in which a grant has no guard; it
leaves session, process group and streams of the run behind, so that what ends the run does not end it. It closes when
the callback says so, when Ansible's main process dies however that happens, when it is told to by SIGTERM, and when the
time box is over.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import line
from .closing import Closing
from .opening import Opened, Order, open_grant

if TYPE_CHECKING:
    from .._run.live import Live

OPENING_LIMIT_SECONDS = 60


class RefusedGrant(BreakglassError):
    """Raised in the action when the guard could not open the grant; its text is the guard's reason."""


def start(live: Live, order: Order) -> dict[str, object]:
    """Fork the guard, have it open the grant, and return what is known of it; raises RefusedGrant."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become_guard(live, order, writing)
    os.close(writing)
    os.waitpid(child, 0)
    try:
        answer = _answer(reading)
    finally:
        os.close(reading)
    if "error" in answer:
        raise RefusedGrant(str(answer["error"]))
    return answer


def _answer(reading: int) -> dict[str, object]:
    ready, _, _ = select.select([reading], [], [], OPENING_LIMIT_SECONDS)
    text = os.read(reading, line.LARGEST_MESSAGE) if ready else b""
    with suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return answer
    return {
        "error": "The guard of the grant died or did not answer. Whatever it minted dies with its time box. Try again."
    }


def _become_guard(live: Live, order: Order, writing: int) -> None:
    """Leave the run's family (a second fork), then be the guard; never returns."""
    try:
        os.setsid()
        if os.fork() == 0:
            _Guard(live, order, writing).run()
    except BaseException:  # noqa: BLE001 (nothing of Ansible's may run in this process)
        os._exit(1)
    os._exit(0)


class _Guard:
    def __init__(self, live: Live, order: Order, writing: int) -> None:
        self._live = live
        self._order = order
        self._writing = writing
        self._told = False

    def run(self) -> None:
        """Open, watch, close, exit."""
        self._detach()
        opened = self._open()
        if opened is None:
            os._exit(1)
        closing = Closing(self._live, opened)
        alive = self._watch(opened)
        if alive:
            self._close_with_callback(closing)
        else:
            closing.end_processes()
            closing.close_for_the_dead()
        closing.finish()
        os._exit(0)

    def _detach(self) -> None:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._be_told)
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        keep = sorted({0, 1, 2, self._writing, self._live.guard_end.fileno()})
        for low, high in zip(keep, [*keep[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(low + 1, high)
        sys.setswitchinterval(0.005)

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
        with suppress(OSError):
            os.write(self._writing, json.dumps(answer).encode())
        os.close(self._writing)

    def _watch(self, opened: Opened) -> bool:
        """Wait for a reason to close; tells whether the run's main process is still alive to hear of it."""
        try:
            main = os.pidfd_open(self._live.main_pid)
        except ProcessLookupError:
            return False
        while not self._told:
            left = (opened.facts.expires_at - datetime.now(tz=timezone.utc)).total_seconds()
            if left <= 0:
                return True
            with suppress(InterruptedError):
                line_end = self._live.guard_end.fileno()
                ready, _, _ = select.select([main, line_end], [], [], min(left, 1.0))
                if main in ready:
                    return False
                if line_end in ready and line.receive(self._live.guard_end).get("do") == "close":
                    return True
        return True

    def _close_with_callback(self, closing: Closing) -> None:
        line.send(self._live.guard_end, closing.close())
        deadline = time.monotonic() + OPENING_LIMIT_SECONDS
        while time.monotonic() < deadline and line.is_alive(self._live.main_pid):
            ready, _, _ = select.select([self._live.guard_end], [], [], 0.5)
            if ready:
                asked = line.receive(self._live.guard_end).get("do")
                if asked == "seal":
                    closing.seal()
                    line.send(self._live.guard_end, {"sealed": True})
                    return
                line.send(self._live.guard_end, closing.close())
