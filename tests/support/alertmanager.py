# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Alertmanager (Debian's) that sends what it is told of to a runner at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Self

import pytest
from tests.support.traces import wait_until

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "prometheus-alertmanager"
WITHIN_SECONDS = 60


class Alertmanager:
    """Use it in a `with` block; on entry it answers. It has no peers, and listens on a loopback port alone.

    Attributes:
        url: Where it answers.
    """

    def __init__(self, place: Path, runner: str, token: str) -> None:
        self._place, self._runner, self._token = place, runner, token
        self.url = f"http://127.0.0.1:{free_port()}"

    def __enter__(self) -> Self:
        program = shutil.which(PROGRAM)
        if program is None:
            missing = f"There is no {PROGRAM}: make packages installs it."
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
        self._configure()
        listen = self.url.removeprefix("http://")
        with (self._place / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(program),
                    f"--config.file={self._place / 'alertmanager.yml'}",
                    f"--storage.path={self._place / 'data'}",
                    f"--web.listen-address={listen}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, WITHIN_SECONDS, "Alertmanager does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(WITHIN_SECONDS)

    def _configure(self) -> None:
        self._place.mkdir(mode=0o700)
        token = self._place / "token"
        token.touch(0o600)
        token.write_text(self._token, encoding="ascii")
        login = {"authorization": {"type": "Bearer", "credentials_file": str(token)}}
        hook = {"url": f"{self._runner}/webhooks/alertmanager", "send_resolved": True, "http_config": login}
        settings = {
            "route": {"receiver": "breakglass", "group_wait": "0s"},
            "receivers": [{"name": "breakglass", "webhook_configs": [hook]}],
        }
        # JSON is YAML, too.
        (self._place / "alertmanager.yml").write_text(json.dumps(settings), encoding="utf-8")

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
