# SPDX-License-Identifier: GPL-3.0-or-later
"""A real rsyslog for tests: TCP, TLS and UDP on the loopback address, everything it parses into one file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from typing import Self

    from tests.support.certificates import Pair

READY_WITHIN_SECONDS = 20
PROGRAM = "rsyslogd"
TLS_MODULE = "*/rsyslog/lmnsd_ossl.so"
# What rsyslog understood of a message, not what it was sent: number, MSGID, structured data, message.
CONFIGURATION = """
global(workDirectory="{directory}" maxMessageSize="128k" defaultNetstreamDriverCAFile="{ca}"
    defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp")
module(load="imudp")
template(name="parsed" type="list") {{
    property(name="protocol-version") constant(value="\\t") property(name="syslogfacility-text") constant(value="\\t")
    property(name="app-name") constant(value="\\t") property(name="msgid") constant(value="\\t")
    property(name="structured-data") constant(value="\\t") property(name="msg") constant(value="\\n")
}}
ruleset(name="keep") {{ action(type="omfile" file="{directory}/kept" template="parsed") }}
input(type="imtcp" port="{tcp}" address="127.0.0.1" ruleset="keep")
input(type="imtcp" port="{tls}" address="127.0.0.1" ruleset="keep"
    streamdriver.name="ossl" streamdriver.mode="1" streamdriver.authmode="anon")
input(type="imudp" port="{udp}" address="127.0.0.1" ruleset="keep")
"""


class Rsyslog:
    """One rsyslog in a directory; use it in a `with` block. It may be killed and started again."""

    def __init__(self, directory: Path, ca: Path, server: Pair) -> None:
        directory.mkdir()
        self._directory = directory
        self.ports = {transport: free_port() for transport in ("tcp", "tls", "udp")}
        self._file = directory / "rsyslog.conf"
        names = {"directory": directory, "ca": ca, "certificate": server.certificate, "key": server.key}
        self._file.write_text(CONFIGURATION.format(**names, **self.ports))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [PROGRAM, "-n", "-f", str(self._file), "-i", str(self._directory / "pid")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        limit = time.monotonic() + READY_WITHIN_SECONDS
        while not self._listens():
            if time.monotonic() > limit or self._process.poll() is not None:
                self.stop()
                pytest.fail(f"rsyslog does not start: {(self._directory / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order: what it has read is written."""
        self._process.terminate()
        self._process.wait()

    def kept(self) -> list[tuple[list[str], dict[str, object]]]:
        """What it has written: version, facility, program, MSGID and structured data of each message, and its record."""
        path = self._directory / "kept"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        parts = [line.split("\t") for line in lines]
        return [(one[:5], json.loads(one[5])) for one in parts]

    def _listens(self) -> bool:
        try:
            for transport in ("tcp", "tls"):
                socket.create_connection(("127.0.0.1", self.ports[transport]), 1).close()
        except OSError:
            return False
        return True


def need_rsyslog() -> None:
    """Skip the test where there is no rsyslog; fail it where everything must run (CI)."""
    program = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None or not list(Path("/usr/lib").glob(TLS_MODULE)):
        missing = "There is no rsyslog with TLS by OpenSSL: install Debian's packages rsyslog and rsyslog-openssl."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
