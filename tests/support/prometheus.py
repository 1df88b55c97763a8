# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus (Debian's) that scrapes one small exporter each second, until it is told to forget it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from tests.support.traces import wait_until

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = shutil.which("prometheus")
WITHIN_SECONDS = 60


class _Exporter(BaseHTTPRequestHandler):
    orders = 1

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f"shop_orders {self.orders}\n".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Prometheus:
    """Use it in a `with` block; on entry its target is up.

    Attributes:
        url: Where it answers.
    """

    def __init__(self, place: Path, instance: str) -> None:
        self._place = place
        self._instance = instance
        self._shop = type("Shop", (_Exporter,), {"orders": 1})
        self.url = f"http://127.0.0.1:{free_port()}"

    def __enter__(self) -> Self:
        self._place.mkdir()
        self._exporter = ThreadingHTTPServer(("127.0.0.1", 0), self._shop)
        threading.Thread(target=self._exporter.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{self._exporter.server_address[1]}"
        self._configure([{"targets": [target], "labels": {"instance": self._instance}}])
        with (self._place / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(INSTALLED),
                    f"--config.file={self._place / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._place / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self._up() == ["1"], WITHIN_SECONDS, "Prometheus does not see its target")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(WITHIN_SECONDS)
        self._exporter.shutdown()
        self._exporter.server_close()

    def take_orders(self, number: int) -> None:
        """What the exporter says from its next scrape on, a second later at most."""
        self._shop.orders = number

    def forget(self) -> None:
        """Its target vanishes, as a host that is taken out of service discovery."""
        self._configure([])
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: self._up() == [], WITHIN_SECONDS, "Prometheus still has a series of its target")

    def _configure(self, targets: list[dict[str, object]]) -> None:
        job = {"job_name": "node", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": targets}
        # JSON is YAML, too.
        (self._place / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}), encoding="utf-8")

    def _up(self) -> list[str]:
        """The values of `up`."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query=up", timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return ["no answer"]
        return [str(series["value"][1]) for series in found]
