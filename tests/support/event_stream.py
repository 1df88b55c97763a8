# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading server-sent events as a browser does, with the standard library alone."""

from __future__ import annotations

import json
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Sent:
    """One event, or a comment.

    Attributes:
        event: Its type; `message` where none is named.
        data: What it says; empty for a comment.
        last_id: The id that a browser would come again with.
    """

    event: str
    data: dict[str, object]
    last_id: str


@contextmanager
def open_stream(url: str, bearer: str, last_id: str = "") -> Iterator[Iterator[Sent]]:
    """The events of a stream, until it ends or the block does."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}", "Accept": "text/event-stream"})
    if last_id:
        request.add_header("Last-Event-ID", last_id)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 204 or answer.headers["content-type"].startswith("text/event-stream")
        yield _events((line.decode().rstrip("\n") for line in answer), last_id)


def _events(lines: Iterator[str], last_id: str) -> Iterator[Sent]:
    event, data = "message", ""
    for line in lines:
        if line.startswith(":"):
            yield Sent("comment", {}, last_id)
        elif not line and data:
            yield Sent(event, json.loads(data), last_id)
            event, data = "message", ""
        name, _, value = line.partition(": ")
        event = value if name == "event" else event
        data = value if name == "data" else data
        last_id = value if name == "id" else last_id
