# SPDX-License-Identifier: GPL-3.0-or-later
"""A small real web service that nobody supervises: when it is killed it stays down until somebody restarts it.

`python -m breakglass.demo.web_service --port P --pid-file F` serves in the foreground; `--detach` returns when it
listens, `--restart` stops it first, `--stop` ends it. While the file of `--broken` exists it answers 503.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_LOOPBACK: Final = "127.0.0.1"
_STOP_LIMIT: Final = 5000  # milliseconds
_STATE_FIELD, _START_FIELD = 0, 19  # of /proc/PID/stat, counted behind the name (proc(5): fields 3 and 22)


class UnusableWebService(BreakglassError):
    """Raised when the web service can't be started or stopped."""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """One process, told from a later one with the same number by the time that it started.

    Attributes:
        pid: its number.
        started: its start, in clock ticks since boot.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ServiceProcess | None:
        """The process that has this number now, or nothing when there is none or it is only waited for."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[_STATE_FIELD] in "ZX" else cls(pid, fields[_START_FIELD])

    @classmethod
    def from_file(cls, pid_file: Path) -> ServiceProcess | None:
        """The process that the file names, if it is that very one and it runs."""
        try:
            pid, started = pid_file.read_text(encoding="ascii").split()
            named = cls(int(pid), started)
        except (OSError, ValueError):
            return None
        return named if cls.of(named.pid) == named else None

    def write(self, pid_file: Path) -> None:
        """Name this process in the file, at once or not at all."""
        draft = pid_file.with_name(f".{pid_file.name}.{self.pid}")
        draft.write_text(f"{self.pid} {self.started}\n", encoding="ascii")
        draft.replace(pid_file)

    def end(self, number: signal.Signals) -> None:
        """Send it this signal and wait until it is gone; does nothing when it is gone already.

        Raises:
            UnusableWebService: it still runs after five seconds.
        """
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.of(self.pid) != self:  # looked at through the handle: the number can't change its owner now
                    return
                signal.pidfd_send_signal(handle, number)
                watch = select.poll()
                watch.register(handle, select.POLLIN)
                if not watch.poll(_STOP_LIMIT):
                    raise UnusableWebService(f"The web service, process {self.pid}, did not end within 5 seconds.")
            finally:
                os.close(handle)


class WebService:
    """The service as its machine sees it: `with WebService(port, pid_file) as service: ... service.kill()`."""

    def __init__(self, port: int, pid_file: Path, broken_file: Path | None = None) -> None:
        """While `broken_file` exists, the service answers 503."""
        self._port = port
        self._pid_file = pid_file
        self._broken_file = broken_file

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{_LOOPBACK}:{self._port}/"

    @property
    def restart_command(self) -> list[str]:
        """Argument list that starts it, again if need be, and returns when it listens."""
        return [*self._command(), "--restart"]

    @property
    def stop_command(self) -> list[str]:
        """Argument list that ends it."""
        return [*self._command(), "--stop"]

    def start(self) -> None:
        """Start it, detached.

        Raises:
            UnusableWebService: it runs already, or did not come up.
        """
        outcome = subprocess.run([*self._command(), "--detach"], capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise UnusableWebService(outcome.stderr.strip() or "The web service did not start, and did not say why.")

    def stop(self) -> None:
        """End it politely."""
        _end(self._pid_file, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        _end(self._pid_file, signal.SIGKILL)

    def runs(self) -> bool:
        """Whether its process lives."""
        return ServiceProcess.from_file(self._pid_file) is not None

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
        words = [sys.executable, "-m", "breakglass.demo.web_service"]
        words += ["--port", str(self._port), "--pid-file", str(self._pid_file)]
        return words if self._broken_file is None else [*words, "--broken", str(self._broken_file)]


def _end(pid_file: Path, number: signal.Signals) -> None:
    running = ServiceProcess.from_file(pid_file)
    if running is not None:
        running.end(number)


class _Shop(BaseHTTPRequestHandler):
    broken_file: Path | None = None

    def do_GET(self) -> None:
        if self.path != "/":
            self._answer(HTTPStatus.NOT_FOUND, "no such page\n")
        elif self.broken_file is not None and self.broken_file.exists():
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "shop is broken\n")
        else:
            self._answer(HTTPStatus.OK, "shop is open\n")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
        """Keep quiet: nobody reads a log here."""

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _listen(port: int, pid_file: Path, broken_file: Path | None) -> ThreadingHTTPServer:
    running = ServiceProcess.from_file(pid_file)
    if running is not None:
        raise UnusableWebService(f"The web service runs already, as process {running.pid}; use --restart or --stop.")
    shop = type("Shop", (_Shop,), {"broken_file": broken_file})
    try:
        return ThreadingHTTPServer((_LOOPBACK, port), shop)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnusableWebService(f"The web service can't listen on {_LOOPBACK}:{port}: {reason}.") from error


def _serve(server: ThreadingHTTPServer, pid_file: Path) -> None:
    process = ServiceProcess.of(os.getpid())
    if process is not None:
        process.write(pid_file)
    server.serve_forever()


def _detach(server: ThreadingHTTPServer, pid_file: Path) -> None:
    """Serve in a session of its own, child of nobody here; return when the file names it."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        if os.read(told, 1) != b"1":
            raise UnusableWebService("The web service ended while it started.")
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _leave_terminal()
            process = ServiceProcess.of(os.getpid())
            if process is not None:
                process.write(pid_file)
            os.write(tell, b"1")
            os.close(tell)
            server.serve_forever()
    finally:
        os._exit(0)


def _leave_terminal() -> None:
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m breakglass.demo.web_service", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid-file", type=Path, required=True, help="names the running process")
    parser.add_argument("--broken", type=Path, help="answer 503 while this file exists")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--detach", action="store_true", help="return when it listens")
    action.add_argument("--restart", action="store_true", help="stop it if it runs, then the same as --detach")
    action.add_argument("--stop", action="store_true")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Do what the arguments say.

    Raises:
        SystemExit: with a sentence, when it can't be done.
    """
    given = _arguments(words)
    pid_file = given.pid_file.resolve()
    broken_file = given.broken.resolve() if given.broken else None
    try:
        if given.stop or given.restart:
            _end(pid_file, signal.SIGTERM)
        if given.stop:
            return
        server = _listen(given.port, pid_file, broken_file)
        (_detach if given.detach or given.restart else _serve)(server, pid_file)
    except UnusableWebService as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
