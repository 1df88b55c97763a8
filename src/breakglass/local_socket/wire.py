# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said over the socket: one line of JSON each way, then it is closed. Both ends are of one version."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

from breakglass.domain.holds import Hold, Scope
from breakglass.errors import BreakglassError
from breakglass.holding import GrantsEnd
from breakglass.sources.message import UnreadableMessage
from breakglass.sources.strict_json import read_object

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

LONGEST_LINE = 1024 * 1024
CHUNK = 64 * 1024


class Unheard(BreakglassError):
    """Raised when the other end says nothing that can be understood, in time."""


def say(connection: socket.socket, message: Mapping[str, object], within: float) -> None:
    """Send one message; raises OSError."""
    connection.settimeout(within)
    connection.sendall(json.dumps(message).encode() + b"\n")


def hear(connection: socket.socket, within: float) -> dict[str, object]:
    """Receive one message, all of it within so many seconds; raises Unheard."""
    until, heard = time.monotonic() + within, b""
    while not heard.endswith(b"\n"):
        connection.settimeout(max(until - time.monotonic(), 0.001))
        try:
            chunk = connection.recv(CHUNK)
        except OSError as error:
            raise Unheard(f"Nothing was said for {within:g} s, or the line broke ({error}).") from error
        heard += chunk
        if not chunk or len(heard) > LONGEST_LINE:
            raise Unheard("The line was closed, or is too long, before the message ended.")
    try:
        return read_object(heard)
    except UnreadableMessage as error:
        raise Unheard(str(error)) from None


def texts(message: Mapping[str, object], key: str) -> list[str]:
    """A list of texts of a message; raises Unheard."""
    value = message.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Unheard(f"{key} is not a list of texts.")
    return value


def text(message: Mapping[str, object], key: str) -> str:
    """A text of a message, empty where there is none; raises Unheard."""
    value = message.get(key, "")
    if not isinstance(value, str):
        raise Unheard(f"{key} is not text.")
    return value


def scope(message: Mapping[str, object]) -> Scope:
    """The scope of a message; raises Unheard."""
    try:
        return Scope(text(message, "scope"))
    except ValueError:
        raise Unheard("scope is none of all, trigger, host.") from None


def hold_said(hold: Hold) -> dict[str, str]:
    """A hold in a message."""
    said = {"name": hold.name, "reason": hold.reason, "person": hold.person, "incident": hold.incident}
    return {"scope": hold.scope.value, "since": hold.since.isoformat(), **said}


def hold_heard(message: Mapping[str, object]) -> Hold:
    """The other way round; raises Unheard."""
    try:
        since = datetime.fromisoformat(text(message, "since"))
    except ValueError:
        raise Unheard("since is no moment.") from None
    name, reason, person, incident = (text(message, key) for key in ("name", "reason", "person", "incident"))
    return Hold(scope(message), name, reason, person, incident, since)


def end_heard(message: Mapping[str, object]) -> GrantsEnd:
    """How the grants of an incident end, out of a message; raises Unheard."""
    return GrantsEnd(text(message, "incident"), text(message, "sentence"), message.get("over") is True)


def objects(message: Mapping[str, object], key: str) -> list[dict[str, object]]:
    """A list of objects of a message; raises Unheard."""
    value = message.get(key)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Unheard(f"{key} is not a list of objects.")
    return value
