# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is told while the runner serves, out of the web server's own event loop.

So its watchdog ends a runner whose event loop hangs, and one whose work hangs (`Runner.hangs`) though it answers requests.
A runner that can't reach Vault or its database is told of in the status, and lives.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from breakglass.systemd import ALIVE, READY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from breakglass.runner import Runner
    from breakglass.systemd import Systemd

LOG = logging.getLogger("breakglass.watchdog")
LOOK_EVERY_SECONDS = 1.0
TIMES_A_PERIOD = 3
"""Twice is what sd_watchdog_enabled(3) asks for."""
STARTED_EVERY_SECONDS = 0.02


class Watchdog:
    """Tells systemd that the runner is ready, that it lives, and its first trouble."""

    def __init__(self, systemd: Systemd, runner: Runner, is_serving: Callable[[], bool]) -> None:
        """Take who is told, of whom, and what says whether webhooks are taken by now."""
        self._systemd = systemd
        self._runner = runner
        self._is_serving = is_serving
        self._period = systemd.watchdog_seconds / TIMES_A_PERIOD
        self._told_at = 0.0
        self._status = ""
        self._hang = ""

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """Tell it as long as the application lives (ASGI's lifespan)."""
        telling = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling

    async def _tell(self) -> None:
        while not self._is_serving():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(STARTED_EVERY_SECONDS)
        self._systemd.tell(READY)
        while True:
            self._look(time.monotonic())
            await asyncio.sleep(min(LOOK_EVERY_SECONDS, self._period or LOOK_EVERY_SECONDS))

    def _look(self, now: float) -> None:
        """Say that the runner lives if that is due and it does not hang, and its first trouble if that is a new one."""
        hang = next(iter(self._runner.hangs()), "")
        if hang and not self._hang:
            LOG.critical("%s", hang)
        if not hang and self._period and now >= self._told_at + self._period:
            self._systemd.tell(ALIVE)
            self._told_at = now
        status = next(iter(self._runner.troubles()), "ready")
        if status != self._status:
            self._systemd.status(status)
        self._hang, self._status = hang, status
