# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd hears of a real runner: that it takes webhooks, that it lives, what troubles it, and when to give it up."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from tests.support.notify_socket import NotifySocket
from tests.support.site import Site
from tests.support.stopped_thread import stopped
from tests.support.traces import wait_until

import breakglass.housekeeping

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LIMIT_SECONDS = 60
PERIOD_SECONDS = 3
TURN_SECONDS = 4
ALIVE = "WATCHDOG=1"


class Told:
    """A runner under a notify socket; use it in a `with` block."""

    def __init__(self, site: Site, manager: NotifySocket, *, house_seconds: float = TURN_SECONDS) -> None:
        self._site = site
        self._manager = manager
        self._turns = (str(TURN_SECONDS), str(house_seconds))
        self.url = ""
        self.threads: dict[str, int] = {}

    def __enter__(self) -> Self:
        told = {"NOTIFY_SOCKET": self._manager.name, "WATCHDOG_USEC": str(PERIOD_SECONDS * 1_000_000)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
        program = [sys.executable, "-m", "tests.support.told_runner", str(self._site.place.settings), *self._turns]
        with self._site.log.open("ab") as log:
            self.process = subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**environment, **told, "PYTHONPATH": str(ROOT)},
            )
        try:
            self._listen()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], LIMIT_SECONDS)[0], "it said nothing"
        _, self.url, threads = self.process.stdout.readline().decode().split(maxsplit=2)
        self.threads = json.loads(threads)

    def drain(self) -> int:
        """Ask it to stop; its return code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_SECONDS)

    def answer(self, page: str) -> tuple[int, str]:
        """What it says there; 0 when it says nothing."""
        try:
            with urllib.request.urlopen(f"{self.url}/{page}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_alive(self) -> bool:
        """Whether its event loop answers."""
        return self.answer("healthz")[0] == 200


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation with a Vault; no runner yet."""
    with Site() as site:
        yield site


@pytest.fixture
def manager(site: Site) -> Iterator[NotifySocket]:
    """A notify socket."""
    path = site.scratch / "notify"
    with NotifySocket(path) as manager:
        yield manager
    path.unlink()


def beats(manager: NotifySocket, since: int) -> int:
    """How often it said that it lives, after so many messages."""
    return manager.texts(since).count(ALIVE)


def test_it_tells_its_whole_life(site: Site, manager: NotifySocket) -> None:
    """READY once webhooks are taken, then a status and signs of life, and STOPPING before it drains; all by its main process."""
    with Told(site, manager) as runner:
        wait_until(lambda: "READY=1" in manager.texts(), LIMIT_SECONDS, "it does not become ready")
        assert runner.is_alive()
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        wait_until(lambda: beats(manager, 0) > 2, LIMIT_SECONDS, "no signs of life")
        assert runner.drain() == 0
        texts = manager.texts()
        assert texts.index("READY=1") < texts.index(ALIVE)
        assert texts.count("STOPPING=1") == 1
        assert "STOPPING=1" in texts[-2:]
        assert {said.pid for said in manager.said} == {runner.process.pid}


@pytest.mark.parametrize(
    ("thread", "who"),
    [
        ("engine", "the dispatcher of its engine"),
        ("leases", "the keeper of its leases"),
        ("housekeeping", "its housekeeping"),
    ],
)
def test_a_loop_that_hangs_ends_the_signs_of_life(site: Site, manager: NotifySocket, thread: str, who: str) -> None:
    """One thread is stopped by the kernel: requests are answered, /readyz and the status name it, and systemd hears no more.

    Once it turns again, all is well again.
    """
    with Told(site, manager) as runner:
        wait_until(lambda: beats(manager, 0) and manager.status() == "ready", LIMIT_SECONDS, "no signs of life")
        with stopped(runner.threads[thread], runner.is_alive):
            wait_until(lambda: who in manager.status(), LIMIT_SECONDS, lambda: f"status: {manager.status()}")
            hung_at = len(manager.said)
            assert manager.status().startswith("The runner hangs: ")
            status, said = runner.answer("readyz")
            assert (status, runner.is_alive()) == (503, True)
            assert f"The runner hangs: {who} has not turned" in said
            time.sleep(2 * PERIOD_SECONDS)  # systemd would have given it up by now
            assert beats(manager, hung_at) == 0
        wait_until(lambda: beats(manager, hung_at), LIMIT_SECONDS, "no signs of life though all loops turn")
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        assert runner.drain() == 0
    assert f"The runner hangs: {who}" in site.log.read_text(encoding="utf-8")


def test_an_event_loop_that_hangs_ends_them_too(site: Site, manager: NotifySocket) -> None:
    """The signs of life come from the web server's own loop: with the main thread stopped they end, though all others work."""
    with Told(site, manager) as runner:
        wait_until(lambda: beats(manager, 0), LIMIT_SECONDS, "no signs of life")
        with stopped(runner.threads["MainThread"], lambda: True):
            since = len(manager.said)
            time.sleep(2 * PERIOD_SECONDS)
            assert beats(manager, since) == 0
        wait_until(lambda: beats(manager, since), LIMIT_SECONDS, "no signs of life though its loop turns")
        assert runner.drain() == 0


def test_a_database_that_is_locked_is_no_hang(site: Site, manager: NotifySocket) -> None:
    """The status says so, for longer than a turn may take, and the runner is said to live."""
    with Told(site, manager) as runner:
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        with closing(sqlite3.connect(site.scratch / "breakglass.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            wait_until(lambda: "The database" in manager.status(), LIMIT_SECONDS, lambda: f"status: {manager.status()}")
            since = len(manager.said)
            time.sleep(2 * TURN_SECONDS)
            assert beats(manager, since) > 1
            assert not [text for text in manager.texts(since) if "hangs" in text]
            other.execute("ROLLBACK")
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        assert runner.drain() == 0


def test_a_vault_that_swallows_everything_is_no_hang(site: Site, manager: NotifySocket) -> None:
    """It takes connections and never answers, while housekeeping copies a hold there: the status says so, and the runner lives."""
    with Told(site, manager, house_seconds=breakglass.housekeeping.TURN_SECONDS) as runner:
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        os.kill(site.vault.pid, signal.SIGSTOP)
        try:
            command(site, "hold", "--all", "--reason", "a test")
            wait_until(lambda: manager.status() != "ready", LIMIT_SECONDS, "a Vault that does not answer is no trouble")
            since = len(manager.said)
            time.sleep(2 * PERIOD_SECONDS)
            assert beats(manager, since) > 1
            assert "hangs" not in "".join(manager.texts())
        finally:
            os.kill(site.vault.pid, signal.SIGCONT)
        wait_until(lambda: manager.status() == "ready", LIMIT_SECONDS, lambda: f"status: {manager.status()}")
        assert runner.drain() == 0
    command(site, "hold", "lift", "--all", "--reason", "it is over")


def command(site: Site, *words: str) -> None:
    """Run the command of the runner's machine."""
    program = [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(site.place.settings)]
    subprocess.run(program, check=True, capture_output=True)
