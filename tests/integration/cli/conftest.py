# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the command share: a way to call it, and one installation whose runner has worked and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site

from breakglass.cli.main import main
from breakglass.demo.parts import leave_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Command:
    """The `breakglass` command as a process of its own.

    Attributes:
        home: Where it looks for a token file; there is none.
    """

    home: Path

    def __call__(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; whatever comes of it, it never ends with a traceback."""
        ended = subprocess.run(
            [sys.executable, "-m", "breakglass.cli.main", *map(str, arguments)],
            env=self.environment | dict(environment or {}),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert "Traceback" not in ended.stderr + ended.stdout, ended.stderr
        return ended

    @property
    def environment(self) -> dict[str, str]:
        """An environment without any Vault."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Call:
    """The `breakglass` command inside of this process: quick, for the many cases that end before anything is started."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        words = ["breakglass", *map(str, arguments)]
        self.monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        shown = self.capture.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(words, code, shown.out, shown.err)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command, without a process of its own."""
    return Call(monkeypatch, capsys)


@pytest.fixture(scope="session")
def breakglass(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command."""
    return Command(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """An installation with a journal in it: its runner observed one alert, and was stopped."""
    with Site() as site:
        site.change_policy(lambda trigger: trigger.update(mode="observe"))
        leave_keys(site.environment, site.place.keys)
        with site.runner() as runner:
            site.wait_for(site.post(runner.url, site.alert()), "incident.closed")
        yield site
