# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own start of PostgreSQL's protocol against a real server."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.postgresql_login import (
    Login,
    NoVerdict,
    is_accepted,
)
from tests.support.postgresql import DATABASE, LOOPBACK, SUPERUSER

if TYPE_CHECKING:
    from tests.support.postgresql import PostgreSQL

SECONDS = 5


def login(server: PostgreSQL, user: str = SUPERUSER, database: str = DATABASE) -> Login:
    return Login(LOOPBACK, server.port, user, database)


def test_a_password_is_accepted_or_refused(postgresql: PostgreSQL) -> None:
    """By SCRAM-SHA-256; a user that there is not is refused like a wrong password."""
    assert is_accepted(login(postgresql), postgresql.password, SECONDS)
    assert not is_accepted(login(postgresql), f"{postgresql.password}x", SECONDS)
    assert not is_accepted(login(postgresql, "nobody-there"), postgresql.password, SECONDS)


def test_a_user_who_may_not_log_in_is_refused(postgresql: PostgreSQL) -> None:
    """However right the password is."""
    postgresql.sql("CREATE ROLE barred LOGIN PASSWORD 'right'")
    try:
        assert is_accepted(login(postgresql, "barred"), "right", SECONDS)
        postgresql.sql("ALTER ROLE barred NOLOGIN")
        assert not is_accepted(login(postgresql, "barred"), "right", SECONDS)
    finally:
        postgresql.sql("DROP ROLE barred")


def test_what_proves_nothing_is_no_verdict(postgresql: PostgreSQL) -> None:
    """A database that there is not, and a port without a server."""
    with pytest.raises(NoVerdict, match="SQLSTATE 3D000"):
        is_accepted(login(postgresql, database="absent"), postgresql.password, SECONDS)
    with socket.create_server((LOOPBACK, 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NoVerdict, match="Connection refused"):
        is_accepted(Login(LOOPBACK, port, "x", "x"), "x", SECONDS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak"),
        (b"N", "does not speak"),
        (b"NR\0\0\0\x08\0\0\0\x07", "none with a password"),
        (b"NR\0\0\0\x08\0\0\0\x00Z\0\0\0\x05I", ""),
        (b"NR\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0Z\0\0\0\x05I", "did not prove"),
    ],
)
def test_a_server_that_does_something_else_is_said(answer: bytes, said: str) -> None:
    """Another protocol, an end in the middle, a login of another kind, one without a password, one that asks and proves nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(100)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1000):
                    pass

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        where = Login(LOOPBACK, server.getsockname()[1], "x", "x")
        if said:
            with pytest.raises(NoVerdict, match=said):
                is_accepted(where, "x", SECONDS)
        else:
            assert is_accepted(where, "x", SECONDS)
        thread.join(SECONDS)
