# SPDX-License-Identifier: GPL-3.0-or-later
"""The terminal of who runs the command: raw while a session lasts, and as it was afterwards."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FALLBACK = (80, 24)


class Terminal:
    """Standard input and output.

    Attributes:
        input: Descriptor of what is typed.
        resized: Descriptor that can be read when the size has changed.
        kind: As TERM says.
    """

    def __init__(self) -> None:
        self.input = sys.stdin.fileno()
        self.kind = os.environ.get("TERM", "dumb")
        self.resized, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._raw = False

    def size(self) -> tuple[int, int]:
        """Columns and rows, as the terminal itself says: COLUMNS and LINES may be of another one."""
        with suppress(OSError):
            size = os.get_terminal_size(self.input)
            if size.columns and size.lines:
                return size.columns, size.lines
        return FALLBACK

    @contextmanager
    def raw(self, *, wanted: bool) -> Iterator[None]:
        """Every key goes to the host, Ctrl-C too, in this block; nothing changes where it is not wanted or no terminal."""
        if not wanted or not os.isatty(self.input):
            yield
            return
        before = termios.tcgetattr(self.input)
        heard = signal.signal(signal.SIGWINCH, lambda _number, _frame: self._is_resized())
        self._raw = True
        try:
            tty.setraw(self.input, termios.TCSADRAIN)  # what was typed ahead is for the host
            yield
        finally:
            self._raw = False
            termios.tcsetattr(self.input, termios.TCSADRAIN, before)
            signal.signal(signal.SIGWINCH, heard)

    def show(self, said: bytes, *, error: bool) -> None:
        """Write all of it."""
        descriptor = sys.stderr.fileno() if error else sys.stdout.fileno()
        while said:
            said = said[os.write(descriptor, said) :]

    def notice(self, text: str) -> None:
        """A line of the runner's own."""
        end = "\r\n" if self._raw else "\n"
        self.show(f"{end}{text}{end}".encode(), error=True)

    def _is_resized(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake, b".")
