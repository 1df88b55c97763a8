# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

import pytest

from breakglass.systemd import ALIVE, READY, STOPPING, Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens as systemd's does, and how the environment names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        if request.param == "a path":
            name = str(tmp_path / "notify")
            listener.bind(name)
        else:
            name = f"@breakglass/{os.getpid()}/notify"
            listener.bind("\0" + name[1:])
        listener.setblocking(False)
        yield listener, name


def heard(listener: socket.socket) -> list[str]:
    """Everything that has come by now."""
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_systemd_hears_what_it_is_told(manager: tuple[socket.socket, str]) -> None:
    """Each word is one datagram to the socket that the environment names, by a path or by an abstract name."""
    listener, name = manager
    systemd = Systemd.from_environment({"NOTIFY_SOCKET": name})
    for word in (READY, ALIVE, STOPPING):
        systemd.tell(word)
    assert heard(listener) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_status_is_one_line_and_no_message_of_its_own(manager: tuple[socket.socket, str]) -> None:
    """Whatever a trouble's text holds, systemd is told nothing but a status of bounded length."""
    listener, name = manager
    systemd = Systemd.from_environment({"NOTIFY_SOCKET": name})
    systemd.status("Vault said:\nWATCHDOG=trigger\r\n\x1b[2Jno " + "ü" * 5000)
    (message,) = heard(listener)
    assert message.startswith(r"STATUS=Vault said: WATCHDOG=trigger \x1b[2Jno üüü")
    assert "\n" not in message
    assert len(message) < 600


def test_no_child_can_speak_in_its_name() -> None:
    """What systemd says to the process is taken out of the environment that children get."""
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    systemd = Systemd.from_environment(environ)
    assert environ == {"HOME": "/"}
    assert systemd.watchdog_seconds == 60.0


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "500000"}, 0.5),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, 0.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, 0.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "-1"}, 0.0),
        ({"NOTIFY_SOCKET": "/x"}, 0.0),
        ({"WATCHDOG_USEC": "500000"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_is_there_only_when_it_is_meant_for_us(environ: dict[str, str], seconds: float) -> None:
    """It counts if it has a period and no other process's number, and if there is a socket to tell it."""
    assert Systemd.from_environment(dict(environ)).watchdog_seconds == seconds


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_without_a_socket_nobody_is_told(address: str) -> None:
    """A runner that was started by hand, or whose socket is of a kind that we don't know, tells nobody and works."""
    systemd = Systemd.from_environment({"NOTIFY_SOCKET": address})
    assert not systemd.listens
    systemd.tell(READY)
    systemd.status("ready")


def test_a_manager_that_does_not_hear_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A socket that is gone, or full, fails nothing and keeps nobody waiting; the log says it once, until it hears again."""
    place = tmp_path / "notify"
    systemd = Systemd(str(place), 0.0)
    with caplog.at_level(logging.WARNING):
        systemd.tell(ALIVE)
        systemd.tell(ALIVE)
    assert [record.getMessage() for record in caplog.records] == [
        "systemd does not hear WATCHDOG: No such file or directory."
    ]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        for _ in range(10_000):  # nobody reads, so it is full at some time
            systemd.tell(ALIVE)
    assert len(caplog.records) == 2
