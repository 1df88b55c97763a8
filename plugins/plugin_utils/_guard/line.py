# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between the audit callback and the guard: one JSON object a message, over a socket pair.

The callback asks `{"do": WORD}` and the guard answers `{"to": WORD, ...}`. What the guard sends unasked, because it had
to close by itself, has no `to`: whoever waits for an answer passes over it, and `has_spoken` sees it.
"""

from __future__ import annotations

import json
import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .._journal.canonical import JsonValue

LARGEST_MESSAGE = 65536
CLOSE = "close"
"""The run ended: revoke and prove."""
STOP = "stop"
"""The run must end: end its processes first, all but Ansible's main one, then the same."""
SEAL = "seal"
"""The run's stream is complete: sign it. The last word."""


def send(end: socket.socket, message: Mapping[str, object]) -> None:
    """Send a message; a line that is gone takes it silently, since the other side's death is seen elsewhere."""
    with suppress(OSError):
        end.send(json.dumps(message).encode())


def receive(end: socket.socket) -> dict[str, JsonValue]:
    """Take the next message; an empty one when the line is gone."""
    with suppress(OSError, ValueError):
        message = json.loads(end.recv(LARGEST_MESSAGE))
        return message if isinstance(message, dict) else {}
    return {}


def ask(end: socket.socket, word: str, guard: int, limit_seconds: float) -> dict[str, JsonValue] | None:
    """Ask the guard and wait for its answer; None when the guard is dead or the limit is over."""
    try:
        watch = os.pidfd_open(guard)
    except OSError:
        return None
    try:
        send(end, {"do": word})
        deadline = time.monotonic() + limit_seconds
        both = [end.fileno(), watch]
        while end.fileno() in select.select(both, [], [], max(deadline - time.monotonic(), 0.0))[0]:
            answer = receive(end)
            if not answer:
                return None
            if answer.pop("to", None) == word:
                return answer
    finally:
        os.close(watch)
    return None


def has_spoken(end: socket.socket) -> bool:
    """Whether the other side said something that nobody has taken yet."""
    return bool(select.select([end], [], [], 0)[0])


def is_alive(pid: int) -> bool:
    """Whether the process lives (a zombie does not)."""
    try:
        watch = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        return not select.select([watch], [], [], 0)[0]
    finally:
        os.close(watch)
