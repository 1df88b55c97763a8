# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of `requests` that another thread can cut: its own timeouts begin anew with every byte that comes in."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection


class Connections:
    """The open connections of one or more sessions."""

    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()

    def keep(self, connection: socket.socket) -> None:
        """Know a connection that has just been opened."""
        self._sockets = {one for one in self._sockets if one.fileno() >= 0} | {connection}

    def cut(self) -> None:
        """End all that are open; who waits for an answer on one gets an error at once."""
        for one in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not SSLSocket's own, which would forget its state


class _Tracked(Protocol):
    """A connection of urllib3 that has told its socket to us."""

    sock: socket.socket | None


def cuttable_adapter(connections: Connections) -> HTTPAdapter:
    """Make what a session of `requests` is given (`mount`), so that its connections can be cut; it tries nothing twice."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            _keep(self, connections)

    class Encrypted(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            _keep(self, connections)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    adapter = HTTPAdapter(max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
    return adapter


def _keep(connection: _Tracked, connections: Connections) -> None:
    if connection.sock is not None:
        connections.keep(connection.sock)
