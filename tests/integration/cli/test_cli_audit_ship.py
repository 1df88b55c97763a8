# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit ship` and `breakglass audit archive`, with real settings and a real Vault."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.faults import Fault
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site

WITHIN_SECONDS = 20


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver(CloudEvents()) as one:
        yield one


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    made = ShippedJournal(tmp_path / "journal")
    made.run("01")
    return made


def settings(site: Site, tmp_path: Path, journal: ShippedJournal, sink: str) -> Path:
    """The settings of the site, with another journal and a sink."""
    path = tmp_path / "settings.yml"
    lines = site.place.settings.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("journal:"))
    inline = lines[at] != "journal:"
    lines[at : at + (1 if inline else 2)] = ["journal:", f"  directory: {journal.directory}", "  sinks:", f"    {sink}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_ship_once(call: Call, site: Site, tmp_path: Path, journal: ShippedJournal, receiver: HttpReceiver) -> None:
    """`--once` ships what is there (0); a receiver that does not take it is named (1); wrong sinks are told with a line."""
    good = settings(site, tmp_path, journal, f"siem: {{kind: http, url: '{receiver.url}'}}")
    done = call("audit", "ship", "--settings", good, "--once")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"siem: {len(journal.ids()) + 1} records acknowledged; nothing is left"
    assert set(journal.ids()) <= set(receiver.kept)
    receiver.script._faults += [Fault.BROKEN] * 9
    journal.run("02")
    late = call("audit", "ship", "--settings", good, "--once", "--within", "1")
    assert late.returncode == 1
    assert "answered 500" in late.stdout
    wrong = settings(site, tmp_path, journal, "siem: {kind: http, ulr: 'https://siem.example.com'}")
    refused = call("audit", "ship", "--settings", wrong, "--once")
    assert refused.returncode == 1
    assert "needs the option url" in refused.stderr
    assert f"{wrong}:" in refused.stderr


def test_archive(call: Call, breakglass: Command, site: Site, journal: ShippedJournal, receiver: HttpReceiver) -> None:
    """What was shipped is moved to an archive whose ledger Vault signs; what was not stays."""
    good = settings(site, journal.directory.parent, journal, f"siem: {{kind: http, url: '{receiver.url}'}}")
    to = journal.directory.with_name("archive")
    options = ("--settings", good, "--older-than", "1s", "--to", to)
    with ExitStack() as keep:
        journal.open_stream("02", keep).append("task.result", {}, at=datetime.now(UTC))
        limit = time.monotonic() + WITHIN_SECONDS
        while (stays := call("audit", "archive", *options)).returncode == 0:  # it is not a second old yet
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert "not every sink has acknowledged it" in stays.stdout
        assert not to.exists()
        assert call("audit", "ship", "--settings", good, "--once").returncode == 0
        moved = breakglass("audit", "archive", *options, environment=site.environment)
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert moved.stdout.strip() == f"1 streams moved to {to}"
    assert len(list(to.rglob("play-1.jsonl"))) == 1
    assert len(list(to.glob("ledger.*.checkpoint"))) == 1
    wrong = call("audit", "archive", "--settings", good, "--older-than", "400", "--to", to)
    assert wrong.returncode == 3
