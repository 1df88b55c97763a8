# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's shipper, and `breakglass audit ship`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.faults import Fault
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal

from breakglass.settings import JournalSettings, SinksSettings
from breakglass.shipping import Shipping
from breakglass.shipping_once import NoSinks, ship_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WITHIN_SECONDS = 40


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    made = ShippedJournal(tmp_path / "journal")
    made.run("01", 30)
    return made


def settings(journal: ShippedJournal, url: str) -> JournalSettings:
    sinks = SinksSettings(journal.directory.parent, {"siem": {"kind": "http", "url": url, "timeout": "1s"}})
    return JournalSettings.model_construct(directory=journal.directory, sinks=sinks)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def children() -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "_ship"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def test_runner_ships_while_it_runs(journal: ShippedJournal) -> None:
    """The runner's shipper ships what comes, tells its troubles, is restarted when it is killed, and ends with the runner."""
    with HttpReceiver(CloudEvents(), [Fault.BROKEN]) as receiver:
        shipping = Shipping(settings(journal, receiver.url))
        shipping.start()
        wait_until(lambda: "500" in shipping.troubles.get("siem", ""), "no trouble is told")
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), "not shipped")
        wait_until(lambda: not shipping.troubles, "the trouble stays")
        os.kill(children()[0], signal.SIGKILL)
        journal.run("02", 10)
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), "not restarted")
        journal.run("03", 10)
        shipping.stop()
        assert set(journal.ids()) <= set(receiver.kept)
        assert children() == []


def test_runner_is_not_stalled_by_a_sink(journal: ShippedJournal) -> None:
    """A sink that hangs costs the runner's stop a few seconds at most, and its start nothing."""
    with HttpReceiver(CloudEvents(), [Fault.HANG] * 50) as receiver:
        shipping = Shipping(settings(journal, receiver.url))
        begun = time.monotonic()
        shipping.start()
        assert time.monotonic() - begun < 1
        wait_until(lambda: not receiver.script.is_used_up and bool(children()), "it does not start")
        begun = time.monotonic()
        shipping.stop()
        assert time.monotonic() - begun < 20
        assert children() == []


def test_without_sinks_nothing_is_started(journal: ShippedJournal) -> None:
    """A runner without sinks has no shipper."""
    shipping = Shipping(
        JournalSettings.model_construct(directory=journal.directory, sinks=SinksSettings(journal.directory, {}))
    )
    shipping.start()
    shipping.stop()
    assert children() == []


def test_ship_once(journal: ShippedJournal) -> None:
    """`audit ship --once` ships what is there and says so; without an acknowledgement it says why, and its code is 1."""
    with HttpReceiver(CloudEvents()) as receiver:
        done = ship_now(settings(journal, receiver.url), 30)
        total = len(journal.ids()) + 1
        assert done.lines == (f"siem: {total} records acknowledged; nothing is left",)
        assert done.exit_code == 0
        receiver.stop()
        journal.run("02", 3)
        late = ship_now(settings(journal, receiver.url), 0.5)
        assert late.exit_code == 1
        assert "did not answer" in late.lines[0]
        receiver.start()
    with pytest.raises(NoSinks):
        ship_now(
            JournalSettings.model_construct(directory=journal.directory, sinks=SinksSettings(journal.directory, {})), 1
        )


def test_serve_mode_of_the_process(journal: ShippedJournal, tmp_path: Path) -> None:
    """The process refuses sinks that are wrong, with a sentence and code 1."""
    path = tmp_path / "sinks.yml"
    path.write_text("siem: {kind: pigeon}\n")
    module = "ansible_collections.breakglass.remediation.plugins.plugin_utils._ship"
    command = [sys.executable, "-m", module, "--journal", str(journal.directory)]
    told = '{"directory": "/", "sinks": {"siem": {"kind": "pigeon"}}}\n'
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "kind of the sink siem" in done.stderr
