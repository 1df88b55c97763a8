# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's web service runs on its own, and stays down when it is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.web_service import ServiceProcess, UnusableWebService, WebService

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ssh_host import SshSite


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_life(port: int, tmp_path: Path) -> None:
    """It answers as soon as start returns, is down after kill, and its own restart command brings it back."""
    service = WebService(port, tmp_path / "shop.pid")
    with service:
        assert _ask(service.url) == (200, "shop is open\n")
        assert _ask(service.url + "x")[0] == 404
        service.kill()
        assert not service.runs()
        with pytest.raises(urllib.error.URLError):
            _ask(service.url)
        subprocess.run(service.restart_command, check=True)
        assert _ask(service.url)[0] == 200
    assert not service.runs()


def test_broken(port: int, tmp_path: Path) -> None:
    """While the flag file exists it answers 503."""
    flag = tmp_path / "broken"
    with WebService(port, tmp_path / "shop.pid", flag) as service:
        flag.touch()
        assert _ask(service.url) == (503, "shop is broken\n")
        flag.unlink()
        assert _ask(service.url)[0] == 200


def test_second_start(port: int, tmp_path: Path) -> None:
    """A second start is refused in one sentence; restart replaces the process; stop works twice."""
    with WebService(port, tmp_path / "shop.pid") as service:
        with pytest.raises(UnusableWebService, match="runs already, as process"):
            service.start()
        before = (tmp_path / "shop.pid").read_text()
        subprocess.run(service.restart_command, check=True)
        assert (tmp_path / "shop.pid").read_text() != before
        subprocess.run(service.stop_command, check=True)
        subprocess.run(service.stop_command, check=True)


def test_taken_port(port: int, tmp_path: Path) -> None:
    """A port that somebody else holds is named in the error."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(UnusableWebService, match=f"can't listen on 127.0.0.1:{port}"):
            WebService(port, tmp_path / "shop.pid").start()


def test_recycled_number(port: int, tmp_path: Path) -> None:
    """A process that only has the number in the file, started at another time, is never signalled."""
    bystander = subprocess.Popen(["sleep", "60"])
    (tmp_path / "shop.pid").write_text(f"{bystander.pid} 12345\n")
    WebService(port, tmp_path / "shop.pid").kill()
    ServiceProcess(bystander.pid, "12345").end(signal.SIGKILL)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("text", ["", "x y", "1", "-1 0", "99999999 1", "1 2 3"])
def test_strange_pid_file(port: int, tmp_path: Path, text: str) -> None:
    """Whatever else stands in the file is nobody's process."""
    (tmp_path / "shop.pid").write_text(text)
    assert not WebService(port, tmp_path / "shop.pid").runs()


def test_outlives_its_session(ssh_site: SshSite, port: int, tmp_path: Path) -> None:
    """Restarted through SSH it goes on after the connection has ended, in a session of its own."""
    service = WebService(port, tmp_path / "shop.pid")
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    try:
        subprocess.run([*line, *service.restart_command], check=True, timeout=20)
        assert _ask(service.url)[0] == 200
        pid = int((tmp_path / "shop.pid").read_text().split()[0])
        assert os.getsid(pid) not in (os.getsid(0), ssh_site.hosts["web1"].pid)
    finally:
        service.stop()
