# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenBao that survives its process: it keeps what it has on disk, and can be killed, started again, sealed, unsealed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Self

from breakglass.demo.parts import free_port

READY_WITHIN_SECONDS = 60
ANSWER_WITHIN_SECONDS = 60  # a slow disk, to which it syncs often
CONFIGURATION = """
storage "raft" {{
  path    = "{storage}"
  node_id = "one"
}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable     = true
}}
api_addr     = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster}"
"""


class LastingOpenBao:
    """One server with one unseal key; use it in a `with` block.

    Attributes:
        url: Its address.
        root_token: The first token.
    """

    def __init__(self, directory: Path) -> None:
        """Choose a directory for everything of it."""
        self.directory = directory
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.root_token = ""
        self._key = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it for the first time: initialised and unsealed."""
        self.directory.mkdir(mode=0o700, parents=True)
        storage = self.directory / "storage"
        storage.mkdir(mode=0o700)
        text = CONFIGURATION.format(storage=storage, port=self._port, cluster=free_port())
        (self.directory / "openbao.hcl").write_text(text, encoding="utf-8")
        try:
            self._begin()
        except BaseException:
            self.kill()  # nobody else would: what fails to be entered is never left
            raise
        return self

    def _begin(self) -> None:
        self._launch()
        made = self._ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.root_token, self._key = str(made["root_token"]), str(made["keys_base64"][0])  # type: ignore[index]
        self.unseal()

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        self.kill()

    def kill(self) -> None:
        """End its process at once, by its own id."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def start_again(self) -> None:
        """Start it with everything that it had, and unseal it."""
        self._launch()
        self.unseal()

    def put_right(self) -> None:
        """Have it serve, whatever was done to it."""
        if self._process is None:
            self._launch()
        if self._ask("GET", "sys/seal-status")["sealed"]:
            self.unseal()

    def seal(self) -> None:
        """Seal it: it answers, and does nothing."""
        self._ask("PUT", "sys/seal", {})

    def unseal(self) -> None:
        """Unseal it, and wait until it serves."""
        self._ask("PUT", "sys/unseal", {"key": self._key})
        self._wait(lambda: bool(self._ask("GET", "sys/health")))  # which is 200 only where it is active

    def _launch(self) -> None:
        program = Path(sys.executable).with_name("bao")
        log = (self.directory / "openbao.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [str(program), "server", f"-config={self.directory / 'openbao.hcl'}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait(lambda: "initialized" in self._ask("GET", "sys/seal-status"))

    def _wait(self, ready: object) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while True:
            with suppress(OSError):  # urllib's errors are OSErrors
                if callable(ready) and ready():
                    return
            assert time.monotonic() < deadline, f"OpenBao does not serve; see {self.directory / 'openbao.log'}"
            time.sleep(0.05)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        headers = {"X-Vault-Token": self.root_token} if self.root_token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as answer:
            text = answer.read()
        return dict(json.loads(text)) if text else {}
