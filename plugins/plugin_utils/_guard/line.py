# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between the audit callback and the guard: one JSON object a message, over a socket pair."""

from __future__ import annotations

import json
import os
import select
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .._journal.canonical import JsonValue

LARGEST_MESSAGE = 65536


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


def ask(
    end: socket.socket, message: Mapping[str, object], guard: int, limit_seconds: float
) -> dict[str, JsonValue] | None:
    """Send a message and wait for the answer; None when the guard is dead or the limit is over."""
    send(end, message)
    with suppress(ProcessLookupError):
        watch = os.pidfd_open(guard)
        try:
            ready, _, _ = select.select([end.fileno(), watch], [], [], limit_seconds)
            return receive(end) if end.fileno() in ready else None
        finally:
            os.close(watch)
    return None


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
