# SPDX-License-Identifier: GPL-3.0-or-later
"""A real SSH host that needs no root: it lets in user certificates of one authority, for its own name, and nothing else.

`python -m breakglass.demo.ssh_host` serves in a process of its own, which ends with its parent; `SshHost` starts and
stops one. Every session runs as the account that started the host, whatever the login name is called.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import asyncssh

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_LOOPBACK: Final = "127.0.0.1"
_CHUNK: Final = 65536
_START_LIMIT: Final = 15.0  # seconds
_STOP_LIMIT: Final = 5.0  # seconds
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_READY: Final = "listening "
_NOBODY: Final = asyncssh.SSHAuthorizedKeys()  # trusts no key; the client is told nothing more than with a bad one


class UnusableSshHost(BreakglassError):
    """Raised when the SSH host can't be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHostFiles:
    """What one host is made of.

    Attributes:
        name: principal that a certificate must carry; also the host's own name.
        login: the only login name that is let in.
        user_authority: file with the public key of the authority for user certificates (one OpenSSH line).
        host_key: file with the host's private key.
        host_certificate: file with the certificate of that key.
        home: existing directory in which sessions begin.
    """

    name: str
    login: str
    user_authority: Path
    host_key: Path
    host_certificate: Path
    home: Path

    def __post_init__(self) -> None:
        """Refuse a name that would be a pattern among the principals."""
        if not _NAME.fullmatch(self.name):
            raise UnusableSshHost(
                f"The SSH host can't be called {self.name!r}: letters, digits, dots, '_' and '-' only."
            )


class SshHost:
    """A running host: `with SshHost(files) as host: ... host.port`.

    Start it from a thread that lives as long as the host: Linux ends the host with the thread that started it.
    """

    address: Final = _LOOPBACK

    def __init__(self, files: SshHostFiles, port: int = 0) -> None:
        """Port 0 takes a free one."""
        self._files = files
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        return self._port

    @property
    def pid(self) -> int:
        """The process that serves.

        Raises:
            UnusableSshHost: it does not run.
        """
        if self._process is None:
            raise UnusableSshHost(f"The SSH host {self._files.name} does not run; start it first.")
        return self._process.pid

    def start(self) -> None:
        """Return when the host listens.

        Raises:
            UnusableSshHost: it did not come up; the text says why.
        """
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            )
            line = _first_line(self._process)
            if not line.startswith(_READY):
                self.stop()
                complaints.seek(0)
                reason = complaints.read().decode(errors="replace").strip().rpartition("\n")[2] or "it said nothing"
                raise UnusableSshHost(f"The SSH host {self._files.name} did not start: {reason}")
        self._port = int(line.removeprefix(_READY))

    def stop(self) -> None:
        """End the host and every session in it; does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _command(self) -> list[str]:
        files = self._files
        return [
            *(sys.executable, "-m", "breakglass.demo.ssh_host"),
            *("--name", files.name, "--login", files.login, "--user-authority", str(files.user_authority)),
            *("--host-key", str(files.host_key), "--host-certificate", str(files.host_certificate)),
            *("--home", str(files.home), "--port", str(self._port), "--parent", str(os.getpid())),
        ]


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line that it prints, or nothing when it ends or says nothing within the limit."""
    if process.stdout is None or not select.select([process.stdout], [], [], _START_LIMIT)[0]:
        return ""
    return process.stdout.readline().decode(errors="replace").strip()


class _Doorkeeper(asyncssh.SSHServer):  # type: ignore[misc]  # mypy does not follow asyncssh (pyproject), so its base is Any
    """Offers the authority's keys to the one login name; forwardings stay refused, as asyncssh does by itself."""

    def __init__(self, login: str, line: str) -> None:
        self._login = login
        self._line = line
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._connection is not None:
            known = asyncssh.import_authorized_keys(self._line) if username == self._login else _NOBODY
            self._connection.set_authorized_keys(known)
        return True


class _Session:
    """One command of one connection: `/bin/sh -c`, its streams, and its end."""

    def __init__(self, process: asyncssh.SSHServerProcess, home: Path) -> None:
        self._process = process
        self._home = home

    async def run(self) -> None:
        """Run until the command ends or the client goes away, whichever is first; nothing of it stays behind."""
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", self._process.command or "exec /bin/sh"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._home,
            env=_session_environment(self._home),
            start_new_session=True,
        )
        work = asyncio.create_task(self._serve(child))
        departure = asyncio.create_task(self._process.wait_closed())
        try:
            await asyncio.wait({work, departure}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            _end_group(child.pid)
            for task in (work, departure):
                task.cancel()
            await asyncio.gather(work, departure, return_exceptions=True)
            await child.wait()

    async def _serve(self, child: asyncio.subprocess.Process) -> None:
        feeding = asyncio.create_task(self._feed(child))
        try:
            await asyncio.gather(
                _pump(child.stdout, self._process.stdout),
                _pump(child.stderr, self._process.stderr),
            )
            code = await child.wait()
        finally:
            feeding.cancel()
        self._process.exit(code if code >= 0 else 128 - code)  # as a shell reports a signal

    async def _feed(self, child: asyncio.subprocess.Process) -> None:
        """What the client types, until it ends or the command no longer reads."""
        if child.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):
            while received := await self._read(child.pid):
                child.stdin.write(received)
                await child.stdin.drain()
        child.stdin.close()

    async def _read(self, group: int) -> bytes:
        while True:
            try:
                return bytes(await self._process.stdin.read(_CHUNK))
            except asyncssh.TerminalSizeChanged:
                continue
            except (asyncssh.SignalReceived, asyncssh.BreakReceived):
                _end_group(group)


async def _pump(source: asyncio.StreamReader | None, sink: asyncssh.SSHWriter) -> None:
    # Explicit loops: with asyncssh's redirection, pipelining and three hosts at once every run failed.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):
        while source is not None and (sent := await source.read(_CHUNK)):
            sink.write(sent)
            await sink.drain()


def _end_group(leader: int) -> None:
    """End what a session started. A daemon that left the session, as daemons do, is not of it any more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _session_environment(home: Path) -> dict[str, str]:
    """A login's environment: nothing of ours, least of all a Vault token, reaches a session."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "SHELL": "/bin/sh",
    }


async def _serve(files: SshHostFiles, port: int) -> None:
    authority = files.user_authority.read_text(encoding="ascii").strip()
    line = f'cert-authority,principals="{files.name}" {authority}'
    asyncssh.import_authorized_keys(line)  # an unusable key is refused before anything listens
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncssh.create_server(
        lambda: _Doorkeeper(files.login, line),
        _LOOPBACK,
        port,
        server_host_keys=[str(files.host_key)],
        server_host_certs=[str(files.host_certificate)],
        process_factory=lambda process: _Session(process, files.home).run(),
        sftp_factory=True,
        encoding=None,
        line_editor=False,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        agent_forwarding=False,
        x11_forwarding=False,
    )
    print(f"{_READY}{server.get_port()}", flush=True)  # the parent reads the port from here
    await stop.wait()
    server.close()
    server.close_clients()
    await server.wait_closed()
    await _end_of_sessions()


async def _end_of_sessions() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _die_with(parent: int) -> None:
    """Be told to stop when the parent ends, also when it is killed (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before we asked
        raise SystemExit(1)


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m breakglass.demo.ssh_host", description=__doc__)
    parser.add_argument("--name", required=True, help="principal that a certificate must carry")
    parser.add_argument("--login", required=True, help="the only login name")
    parser.add_argument("--user-authority", required=True, type=Path, help="public key of the user authority")
    parser.add_argument("--host-key", required=True, type=Path)
    parser.add_argument("--host-certificate", required=True, type=Path)
    parser.add_argument("--home", required=True, type=Path, help="directory in which sessions begin")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--parent", type=int, help="process to end with; the one that started it when not given")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    given = _arguments(words)
    _die_with(given.parent or os.getppid())
    files = SshHostFiles(
        name=given.name,
        login=given.login,
        user_authority=given.user_authority.resolve(),
        host_key=given.host_key.resolve(),
        host_certificate=given.host_certificate.resolve(),
        home=given.home.resolve(),
    )
    os.chdir(files.home)  # SFTP begins here
    asyncio.run(_serve(files, given.port))


if __name__ == "__main__":
    main(sys.argv[1:])
