# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the socket lies: in a directory that belongs to the runner, closed to all but itself and one group.

The address of a local socket has at most 107 bytes; below the descriptor of its directory every path is short enough.
"""

from __future__ import annotations

import grp
import os
import socket
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 64
PAUSE_SECONDS = 0.05


class UnusableSocket(BreakglassError):
    """Raised when the runner can't listen at its local socket."""


@dataclass(frozen=True)
class Place:
    """A socket in its directory.

    Attributes:
        path: Of the socket.
        group: Whose members may use it, beside root and the runner's own user; empty for nobody else.
    """

    path: Path
    group: str = ""

    def group_id(self) -> int | None:
        """The group by id; raises UnusableSocket."""
        if not self.group:
            return None
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise UnusableSocket(f"There is no group {self.group} on this machine; see `socket.group`.") from None

    def listen(self) -> socket.socket:
        """Make directory and socket, and listen; raises UnusableSocket."""
        group = self.group_id()
        try:
            self._prepare_directory(group)
            with self._address() as address:
                if _somebody_listens(address):
                    raise UnusableSocket(
                        f"Another process listens at {self.path}: give each runner a `socket.path` of its own."
                    )
                return _bound(address, group)
        except OSError as error:
            raise UnusableSocket(
                f"The runner can't listen at {self.path}: {error.strerror}. Give `socket.path` a place that its user may write"
                f"{' and its group may reach; its user must be in that group' if self.group else ''}."
            ) from error

    def connect(self, within: float) -> socket.socket:
        """Reach who listens there; raises OSError, FileNotFoundError and ConnectionRefusedError where nobody does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(within)
        until = time.monotonic() + within
        try:
            with self._address() as address:
                while not _is_taken(connection, address):
                    if time.monotonic() > until:
                        raise TimeoutError(f"it is busy for {within:g} s")
                    time.sleep(PAUSE_SECONDS)
        except OSError:
            connection.close()
            raise
        return connection

    def identity(self) -> tuple[int, int] | None:
        """Which file is there now; None when there is none."""
        with suppress(OSError):
            found = self.path.lstat()
            return found.st_dev, found.st_ino
        return None

    @contextmanager
    def _address(self) -> Iterator[str]:
        directory = os.open(self.path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{directory}/{self.path.name}"
        finally:
            os.close(directory)

    def _prepare_directory(self, group: int | None) -> None:
        directory = self.path.parent
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700, parents=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UnusableSocket(
                f"{directory} is not a directory of the runner's own user: give `socket.path` one of its own, which the runner makes."
            )
        if group is None:
            directory.chmod(0o700)
        else:
            os.chown(directory, -1, group)
            directory.chmod(0o750)


def _bound(address: str, group: int | None) -> socket.socket:
    """A socket that listens before anybody can find it, in the place of what a dead runner left."""
    new = Path(f"{address}.new")
    new.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(new))
        new.chmod(0o600 if group is None else 0o660)
        if group is not None:
            os.chown(new, -1, group)
        listener.listen(BACKLOG)
        new.rename(address)
    except OSError:
        listener.close()
        raise
    return listener


def _is_taken(connection: socket.socket, address: str) -> bool:
    """Connect; False while the queue of those who wait to be heard is full."""
    try:
        connection.connect(address)
    except BlockingIOError:
        return False
    return True


def _somebody_listens(address: str) -> bool:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial,
        suppress(FileNotFoundError, ConnectionRefusedError),
    ):
        trial.settimeout(1)
        trial.connect(address)
        return True
    return False
