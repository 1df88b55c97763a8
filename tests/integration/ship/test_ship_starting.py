# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipper of runs without a runner: started once, detached, gone when all is shipped; and waiting for it."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship import serving
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.beginning import may_begin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import (
    make_sinks,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.flushing import flush
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.lock import is_taken
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.modes import Verdict
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.options import UnusableSink
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.starting import start_if_wanted
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import RUN, ShippedJournal
from tests.support.receivers.syslog_receiver import SyslogReceiver

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_SECONDS = 40


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    return ShippedJournal(tmp_path / "journal")


def sinks_file(tmp_path: Path, url: str) -> dict[str, str]:
    """The environment of a run that ships to one HTTP sink."""
    path = tmp_path / "sinks.yml"
    path.write_text(f"siem:\n  kind: http\n  url: {url}\n")
    return {**os.environ, "BREAKGLASS_SINKS": str(path), "VAULT_TOKEN": "not-for-the-shipper"}


def wait_until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def shippers(journal: ShippedJournal) -> list[int]:
    """Pids of the shippers of a journal."""
    wanted = f"--journal\0{journal.directory}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_shipper_of_a_run_lives_as_long_as_it_is_needed(journal: ShippedJournal, tmp_path: Path) -> None:
    """A run starts one shipper; a second run finds it; it knows no login; it ends when both are over and all is shipped."""
    with HttpReceiver(CloudEvents()) as receiver, ExitStack() as runs:
        environ = sinks_file(tmp_path, receiver.url)
        stream = journal.open_stream("01", runs)
        stream.append("run.started", {}, at=datetime.now(UTC))
        assert start_if_wanted(environ, journal.directory, 1)
        wait_until(lambda: is_taken(journal.directory), "it does not start")
        wait_until(lambda: len(shippers(journal)) == 1, "it is not one")
        (pid,) = shippers(journal)
        assert b"VAULT_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert os.getsid(pid) != os.getsid(0)
        assert start_if_wanted(environ, journal.directory)
        assert shippers(journal) == [pid]
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), "not shipped")
        stream.append("run.ended", {}, at=datetime.now(UTC))
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), "not shipped")
        assert shippers(journal) == [pid]
        runs.close()
        wait_until(lambda: not shippers(journal), "it does not end")
        assert set(journal.ids()) <= set(receiver.kept)
        assert not is_taken(journal.directory)


def test_mended_sinks_are_taken_up(journal: ShippedJournal, tmp_path: Path) -> None:
    """A shipper whose file of sinks is mended ships to the new ones, without being started again."""
    journal.run("01")
    with HttpReceiver(CloudEvents()) as nobody:
        environ = sinks_file(tmp_path, nobody.url)
    start_if_wanted(environ, journal.directory, 1)
    wait_until((journal.directory / ".ship" / "siem.json").exists, "it does not try")
    (tmp_path / "sinks.yml").write_text("siem: {ki")
    with HttpReceiver(CloudEvents()) as receiver:
        sinks_file(tmp_path, receiver.url)
        wait_until(lambda: set(journal.ids()) <= set(receiver.kept), "not taken up")
        wait_until(lambda: not shippers(journal), "it does not end")


def test_shipper_of_a_journal_that_was_taken_away(journal: ShippedJournal, tmp_path: Path) -> None:
    """A shipper whose journal is gone ends, although its sink never came back."""
    journal.run("01")
    with HttpReceiver(CloudEvents()) as receiver:
        environ = sinks_file(tmp_path, receiver.url)
    start_if_wanted(environ, journal.directory, 1)
    wait_until(lambda: is_taken(journal.directory), "it does not start")
    shutil.rmtree(journal.directory)
    wait_until(lambda: not shippers(journal), "it does not end")
    assert not journal.directory.exists()


def test_run_without_sinks_starts_nothing(journal: ShippedJournal) -> None:
    """Without BREAKGLASS_SINKS there is no shipper."""
    assert not start_if_wanted({}, journal.directory)
    assert not is_taken(journal.directory)


def test_wrong_sinks_stop_the_run(journal: ShippedJournal, tmp_path: Path) -> None:
    """A mistake in the sinks is said before anything starts."""
    environ = sinks_file(tmp_path, "http://siem.example.com")
    with pytest.raises(UnusableSink, match="clear text"):
        start_if_wanted(environ, journal.directory)


def test_run_that_starts_while_the_shipper_ends(
    journal: ShippedJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is announced between the last look and the end of a shipper is shipped all the same."""
    journal.run("01")
    file = tmp_path / "out.jsonl"
    leave = serving.Shipper.__exit__

    def leave_late(shipper: serving.Shipper, *error: object) -> None:
        if not (journal.directory / RUN.format("02")).with_suffix(".jsonl").exists():
            journal.run("02")
        leave(shipper, *error)

    monkeypatch.setattr(serving.Shipper, "__exit__", leave_late)
    sinks = make_sinks({"file": {"kind": "file", "path": str(file)}}, Path("/"))
    serving.ship_until_over(journal.directory, sinks, 0.2, lambda: False)
    assert {json.loads(line)["id"] for line in file.read_bytes().splitlines()} >= set(journal.ids())


def test_flush_before_exit(journal: ShippedJournal, tmp_path: Path) -> None:
    """A run waits for its sinks: it ends well when they have everything, and says which has not when the time is over."""
    journal.run("01")
    streams = [f"{RUN.format('01')}.jsonl"]
    with HttpReceiver(CloudEvents()) as receiver:
        receiver.stop()
        environ = sinks_file(tmp_path, receiver.url)
        start_if_wanted(environ, journal.directory, 1)
        late = flush({**environ, "BREAKGLASS_AUDIT_FLUSH": "before_exit:1"}, journal.directory, streams)
        failing = flush({**environ, "BREAKGLASS_AUDIT_FLUSH": "before_exit:1:or_fail"}, journal.directory, streams)
        assert "siem" in late.problem
        assert (late.fails, failing.fails) == (False, True)
        receiver.start()
        flushed = flush({**environ, "BREAKGLASS_AUDIT_FLUSH": "before_exit:40:or_fail"}, journal.directory, streams)
        assert (flushed.problem, flushed.fails) == ("", False)
        assert set(journal.ids()) <= set(receiver.kept)
        wait_until(lambda: not shippers(journal), "it does not end")
    assert flush(environ, journal.directory, streams).problem == ""
    with pytest.raises(UnusableSink, match="before_exit"):
        flush({**environ, "BREAKGLASS_AUDIT_FLUSH": "yes"}, journal.directory, streams)


def test_remote_strict(journal: ShippedJournal, tmp_path: Path) -> None:
    """In mode remote_strict a run begins after a sink on another machine has acknowledged; no other sink counts."""
    journal.run("01")
    streams = [f"{RUN.format('01')}.jsonl"]
    with HttpReceiver(CloudEvents()) as here:
        environ = {**sinks_file(tmp_path, here.url), "BREAKGLASS_AUDIT_MODE": "remote_strict"}
        verdict, why = may_begin(environ, journal.directory, streams, 0.2)
        assert (verdict, "on another machine" in why) == (Verdict.STOP, True)
    with SyslogReceiver("tcp") as elsewhere:
        address = elsewhere.address.replace("127.0.0.1", "127.1")  # not known to be this machine
        (tmp_path / "sinks.yml").write_text(
            f"siem: {{kind: syslog, transport: tcp, clear_text: true, address: '{address}'}}\n"
        )
        verdict, why = may_begin(environ, journal.directory, streams, 0.2)
        assert (verdict, "siem" in why) == (Verdict.STOP, True)
        start_if_wanted(environ, journal.directory, 1)
        assert may_begin(environ, journal.directory, streams, WITHIN_SECONDS) == (Verdict.GO, "")
        wait_until(lambda: not shippers(journal), "it does not end")
    assert may_begin({}, journal.directory, streams) == (Verdict.GO, "")
