# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a person's command under a grant: warned of the end, ended with it; its exit status is passed on."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

WARNINGS: Final = (300, 60)
ENDS_WITHIN_SECONDS: Final = 2.0
BY_SIGNAL: Final = 128
LEFT_TO_THE_COMMAND: Final = (signal.SIGINT, signal.SIGQUIT)
PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP)


class UnusableCommand(BreakglassError):
    """Raised when a command can't be started."""


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    ends_at: float,
    tell: Callable[[str], None],
    end: Callable[[], object],
) -> int:
    """Run it until its end or `ends_at` (monotonic clock), when `end` ends it; its exit status, 128 and more for a signal.

    What is typed at the terminal to interrupt reaches the command itself, which decides.

    Raises UnusableCommand.
    """
    heard: list[int] = []
    with _signals(heard):
        try:
            process = subprocess.Popen(list(command), env=dict(environ))
        except OSError as error:
            raise UnusableCommand(f"{command[0]} can't be started: {error.strerror}.") from None
        status = _until_its_end(process, ends_at, tell, heard)
        if status is None:
            end()
            with suppress(
                subprocess.TimeoutExpired
            ):  # what acts as another user can't be ended by us: it is not waited for
                process.wait(timeout=ENDS_WITHIN_SECONDS)
            return BY_SIGNAL + signal.SIGTERM
    return status if status >= 0 else BY_SIGNAL - status


def _until_its_end(
    process: subprocess.Popen[bytes], ends_at: float, tell: Callable[[str], None], heard: list[int]
) -> int | None:
    warnings = [seconds for seconds in WARNINGS if ends_at - seconds > time.monotonic()]
    while (left := ends_at - time.monotonic()) > 0:
        while heard:
            with suppress(PermissionError):  # it acts as another user
                process.send_signal(heard.pop(0))
        if warnings and left <= warnings[0]:
            minutes = warnings.pop(0) // 60
            tell(
                f"*** breakglass: {minutes} minute{'s' if minutes > 1 else ''} left. Then the command ends, and all is revoked."
            )
        try:
            return process.wait(timeout=min(left, 0.2))
        except subprocess.TimeoutExpired:
            continue
    tell("*** breakglass: the time box is over; the command is ended.")
    return None


@contextmanager
def _signals(heard: list[int]) -> Iterator[None]:
    """In this block no signal ends us before the command: those of the terminal reach it by themselves, others are passed on."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    before = {number: signal.signal(number, lambda _number, _frame: None) for number in LEFT_TO_THE_COMMAND}
    before |= {number: signal.signal(number, pass_on) for number in PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
