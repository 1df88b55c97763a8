# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between the runner and the keeper of a session on its host, as the runner speaks it: frames, and how the keeper is started."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from breakglass.errors import BreakglassError
from breakglass.sessions import on_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK_BYTES: Final = 16


class BrokenLine(BreakglassError):
    """Raised when what comes from a host is not what the keeper of a session says."""


def keeper_text() -> bytes:
    """The keeper's program, as it is sent to the host."""
    return files("breakglass.sessions").joinpath("on_host.py").read_bytes()


def keeper_command(size: int) -> str:
    """What sshd is asked to run: a Python that reads its program, of so many bytes, from the line itself."""
    return (
        f'exec python3 -I -c \'import sys; exec(compile(sys.stdin.buffer.read({size}), "breakglass-session", "exec"))\''
    )


def frame(kind: bytes, content: bytes = b"") -> bytes:
    """One frame."""
    return on_host.HEAD.pack(kind, len(content)) + content


def frame_of(kind: bytes, content: Mapping[str, object]) -> bytes:
    """One frame of JSON."""
    return frame(kind, json.dumps(content).encode())


@dataclass
class Frames:
    """Takes bytes as they come, and gives whole frames."""

    _waiting: bytearray = field(default_factory=bytearray)

    def take(self, came: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are whole now. Raises BrokenLine."""
        self._waiting += came
        head = on_host.HEAD
        while len(self._waiting) >= head.size:
            kind, size = head.unpack_from(self._waiting)
            if size > on_host.LONGEST_FRAME:
                raise BrokenLine("The host sends something that is not of the keeper of the session.")
            if len(self._waiting) < head.size + size:
                return
            content = bytes(self._waiting[head.size : head.size + size])
            del self._waiting[: head.size + size]
            yield kind, content


@dataclass(frozen=True)
class Ended:
    """What the keeper says last.

    Attributes:
        status: Of the person's shell or command; None when it was ended.
        left: Processes that it could not end.
        proven: Whether nothing is left.
    """

    status: int | None
    left: tuple[str, ...]
    proven: bool

    @classmethod
    def read(cls, content: bytes) -> Ended:
        """Read the frame DONE; raises BrokenLine."""
        said = json_of(content)
        status, left = said.get("status"), said.get("left")
        return cls(
            status if type(status) is int else None,
            tuple(str(one)[:80] for one in left[:20]) if isinstance(left, list) else (),
            said.get("proven") is True,
        )


def json_of(content: bytes) -> dict[str, object]:
    """The object of a frame of JSON; raises BrokenLine."""
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BrokenLine("The host sends something that is not of the keeper of the session.")
    return said
