# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between callback and guard: answers belong to questions, and a dead guard is noticed at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard import line

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a line."""
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine, other:
        yield mine, other


def test_an_answer_is_found_behind_what_was_said_unasked(ends: tuple[socket.socket, socket.socket]) -> None:
    """What the guard sent by itself, and the answer to an older question, are passed over."""
    mine, other = ends
    line.send(other, {"because": "the time box is over"})
    line.send(other, {"to": line.CLOSE, "proven": False})
    line.send(other, {"to": line.STOP, "proven": True})
    assert line.ask(mine, line.STOP, os.getpid(), 5) == {"proven": True}
    assert line.receive(other) == {"do": line.STOP}


def test_a_guard_that_says_nothing_is_given_up(ends: tuple[socket.socket, socket.socket]) -> None:
    """The limit holds."""
    assert line.ask(ends[0], line.CLOSE, os.getpid(), 0.01) is None


def test_a_dead_guard_is_noticed_before_the_limit(ends: tuple[socket.socket, socket.socket]) -> None:
    """A process that ended, a zombie too, answers nothing and is not waited for."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not line.is_alive(child.pid)
    assert line.ask(ends[0], line.CLOSE, child.pid, 60) is None
    child.wait()
    assert not line.is_alive(child.pid)
    assert line.ask(ends[0], line.CLOSE, child.pid, 60) is None


def test_what_waits_to_be_heard_is_seen_without_taking_it(ends: tuple[socket.socket, socket.socket]) -> None:
    """Looking costs nothing and takes nothing."""
    mine, other = ends
    assert not line.has_spoken(mine)
    line.send(other, {"because": "told"})
    assert line.has_spoken(mine)
    assert line.receive(mine) == {"because": "told"}


@pytest.mark.parametrize("rubbish", [b"{", b"[1]", b"\xff", b"null"])
def test_rubbish_on_the_line_is_no_message(ends: tuple[socket.socket, socket.socket], rubbish: bytes) -> None:
    """What is no JSON object counts as nothing."""
    ends[1].send(rubbish)
    assert line.receive(ends[0]) == {}


def test_a_line_that_is_gone_takes_and_gives_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    """Neither sending nor receiving raises when the other side is dead."""
    mine, other = ends
    other.close()
    line.send(mine, {"do": line.CLOSE})
    assert line.receive(mine) == {}
    assert line.ask(mine, line.CLOSE, os.getpid(), 5) is None
