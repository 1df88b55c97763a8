# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end of a local socket, by the kernel's word at the moment of connecting: SO_PEERCRED, SO_PEERGROUPS.

See unix(7) and socket(7) of Linux. Nobody is asked by name, so a directory service that is down keeps nobody out.
"""

from __future__ import annotations

import array
import errno
import os
import pwd
import socket
import struct
from dataclasses import dataclass

SO_PEERGROUPS = 59
MOST_GROUPS = 256
"""As many as fit into what `getsockopt` takes (1024 bytes); for who is in more, the user database is asked."""
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True)
class Peer:
    """A process at the other end.

    Attributes:
        user: Its effective user id.
        groups: Its effective group and its supplementary ones, by id.
    """

    user: int
    groups: frozenset[int]

    @classmethod
    def of(cls, connection: socket.socket) -> Peer:
        """Ask the kernel; raises OSError."""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, user, group = _CREDENTIALS.unpack(raw)
        return cls(user, frozenset({group, *_supplementary(connection, user, group)}))

    def may_act(self, group: int | None) -> bool:
        """Whether this is root, the runner's own user, or a member of the group that the settings name."""
        return self.user in (0, os.geteuid()) or (group is not None and group in self.groups)


def _supplementary(connection: socket.socket, user: int, group: int) -> list[int]:
    groups = array.array("I")
    try:
        groups.frombytes(connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, MOST_GROUPS * groups.itemsize))
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        try:
            return os.getgrouplist(pwd.getpwuid(user).pw_name, group)
        except KeyError:
            return []
    return list(groups)
