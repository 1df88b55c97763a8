# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for people's yes at a terminal: who has approved and how long is left is told, and Ctrl-C leaves the request alive.

All of it goes to standard error: standard output is for what the command is about.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    from breakglass.client.requesting import Standing

TOLD = ("approved", "still needed", "time")
"""Labels of a question's lines that say how far it is."""


@dataclass
class Progress:
    """Tells how a request goes on, each thing once.

    Attributes:
        api: The runner's.
        request: Ours.
    """

    api: RunnerApi
    request: str
    _began: float = field(default_factory=time.monotonic)
    _told: str = ""

    def tell(self, now: Standing) -> None:
        """Say it, when it is something new."""
        words = f"{now.state:<10} {self._words(now)}".rstrip()
        if words != self._told:
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            typer.echo(f"  {minutes:02}:{seconds:02}  {words}", err=True)
        self._told = words

    def tell_break(self, why: str) -> None:
        """Say that the runner gives no answer, and that the wait goes on."""
        typer.echo(f"  {why} Trying again; Ctrl-C ends the wait.", err=True)
        self._told = ""

    def _words(self, now: Standing) -> str:
        """Who has approved and who must still, as the question tells it; else what it waits for."""
        from breakglass.client.approving import question  # noqa: PLC0415
        from breakglass.errors import BreakglassError  # noqa: PLC0415

        if now.state != "approving":
            return now.why
        try:
            lines = question(self.api, self.request).lines
        except BreakglassError:
            return now.why
        told = [f"{label} {text}" for label, text in lines if label in TOLD]
        return " · ".join(told).replace("time until", "until") or now.why


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """The Ctrl-C that were heard in this block; a second one does not wait for an answer that hangs.

    A KeyboardInterrupt can come where Python must ignore it, as in a finalizer; the first is heard wherever it comes.
    """
    heard: list[int] = []

    def hear(number: int, _frame: object) -> None:
        heard.append(number)
        if len(heard) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


def waited(api: RunnerApi, request: str, come_back: str) -> Standing:
    """How a request stands when it is open, or over; ends the command at Ctrl-C, and says by which command to come back.

    A runner that is away for a while is waited for. Raises BreakglassError where it is not worth that; the way back is told then, too.
    """
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    way_back = (
        f"\n{request} goes on without you. Come back with: {come_back}   Withdraw it with: breakglass release {request}"
    )
    try:
        now = _decided(api, request)
    except BreakglassError:
        typer.echo(way_back, err=True)
        raise
    if now is None:
        typer.echo(way_back, err=True)
        raise typer.Exit(1)
    return now


def _decided(api: RunnerApi, request: str) -> Standing | None:
    """How a request stands when it is open, or over; None where Ctrl-C came first."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.patience import Patience  # noqa: PLC0415

    from breakglass.client.requesting import LOOK_EVERY_SECONDS, standing  # noqa: PLC0415

    progress = Progress(api, request)
    patience = Patience(progress.tell_break)
    with suppress(KeyboardInterrupt), interrupts() as heard:
        while not heard:
            now = patience.ask(lambda: standing(api, request))
            if now is not None and not now.waits:
                return now
            if now is not None:
                progress.tell(now)
            time.sleep(LOOK_EVERY_SECONDS)
    return None
