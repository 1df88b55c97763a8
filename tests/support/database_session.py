# SPDX-License-Identifier: GPL-3.0-or-later
"""A psql that stays logged in, to see what becomes of an open session."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import TYPE_CHECKING, Final, Self

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

CHUNK: Final = 65_536
DONE: Final = "-- done --"
LAST_LINE: Final = f"{DONE}\n"  # it may come in two parts, and all of it belongs to this statement


class EndedSession(BreakglassError):
    """Raised when a session is over: the login or a statement was refused, or the server ended it; with psql's words."""


class DatabaseSession:
    """One open session, in a `with` block. The first statement that is refused ends it, too."""

    def __init__(self, program: Sequence[str], environment: Mapping[str, str], limit: float) -> None:
        """Log in and wait until that is done.

        Args:
            program: psql and its arguments.
            environment: Its whole environment.
            limit: Longest time for the login and for each statement, in seconds.

        Raises:
            EndedSession: The login is refused.
        """
        self._limit = limit
        self._process = subprocess.Popen(
            [*program, "-A"],
            cwd="/",
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.run("SELECT 1")

    def __enter__(self) -> Self:
        """It is logged in already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out."""
        self._end()

    def run(self, statement: str) -> list[str]:
        """Do one statement and return its rows, columns parted by a bar. Raises EndedSession."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            os.write(stdin.fileno(), f"{statement};\n\\warn '{DONE}'\n".encode())
            answer = self._answer(stdout.fileno())
        except (OSError, ValueError):
            answer = ""
        rows, done, _ = answer.partition(LAST_LINE)
        if not done:
            self._end()
            raise EndedSession(f"The session is over: {answer.strip() or 'psql has ended'}")
        return rows.splitlines()

    def _answer(self, descriptor: int) -> str:
        answer, limit = b"", time.monotonic() + self._limit
        while LAST_LINE.encode() not in answer:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))
            chunk = os.read(descriptor, CHUNK) if ready else b""
            if not chunk:
                break
            answer += chunk
        return answer.decode(errors="replace")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
