# SPDX-License-Identifier: GPL-3.0-or-later
"""A notify socket as systemd has it: what a service says, and which process said it."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS = struct.Struct("iII")  # unix(7): pid, uid, gid


@dataclass(frozen=True)
class Said:
    """One message."""

    pid: int
    text: str


class NotifySocket:
    """Use it in a `with` block.

    Attributes:
        name: What goes into NOTIFY_SOCKET.
        said: Everything that was said, in order.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.said: list[Said] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._socket.bind(self.name)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.name)
        self._thread.join()
        self._socket.close()

    def texts(self, since: int = 0) -> list[str]:
        """What was said after so many messages."""
        return [said.text for said in self.said[since:]]

    def status(self) -> str:
        """The newest status."""
        return next((text for text in reversed(self.texts()) if text.startswith("STATUS=")), "STATUS=")[7:]

    def _listen(self) -> None:
        while True:
            content, ancillary, _, _ = self._socket.recvmsg(8192, socket.CMSG_SPACE(CREDENTIALS.size))
            if not content:
                return
            pid, _, _ = CREDENTIALS.unpack(ancillary[0][2][: CREDENTIALS.size])
            self.said.append(Said(pid, content.decode()))
