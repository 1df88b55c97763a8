# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's settings at the runner's door: records elsewhere before anything is opened, and an archive that fills itself."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import sizes
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME, Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import (
    VaultSigner,
    checkpoint,
    seal_stream,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import logged_in
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.syslog_receiver import SyslogReceiver
from tests.support.site import Site
from tests.support.traces import living_tokens, wait_until

from breakglass.demo.serving import Serving
from breakglass.settings import load_settings
from breakglass.shipping_once import ship_now
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

OLD = ("2026/01/02/INC-0LD001/runner", "2026/01/02/INC-0LD001/play-1")
WITHIN_SECONDS = 60


class TroubledRunner(Serving):
    """A runner that has a trouble from its start on."""

    def _await_ready(self) -> None:
        """It may never be."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        yield made


def set_journal(site: Site, **more: object) -> None:
    """Add to the journal's settings."""
    settings = yaml.load(site.place.settings.read_text(encoding="utf-8"), yaml.BaseLoader)
    settings["journal"] |= more
    site.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def trouble(url: str) -> str:
    """Why the runner says that it can't do all of its work; empty when it can."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_in_remote_strict_no_grant_is_opened_before_the_record_is_elsewhere(site: Site) -> None:
    """While the other machine is away the incident waits and says why; as soon as it has the record, it is repaired."""
    with SyslogReceiver("tcp") as elsewhere:
        address = elsewhere.address.replace("127.0.0.1", "127.1")  # not known to be this machine
        sink = {"kind": "syslog", "transport": "tcp", "address": address, "clear_text": "true", "timeout": "1s"}
        set_journal(site, mode="remote_strict", sinks={"siem": sink})
        with site.runner() as runner:
            elsewhere.stop()
            site.service.kill()
            incident = site.post(runner.url, site.alert())
            (waiting,) = site.wait_for(incident, "limits.waiting", WITHIN_SECONDS)
            assert "no sink on another machine" in str(waiting.body["why"])
            assert site.states() == {incident: "waiting"}
            assert [path for path in living_tokens(site).values() if "breakglass" in path] == []
            wait_until(lambda: address in trouble(runner.url), WITHIN_SECONDS, lambda: trouble(runner.url))
            elsewhere.start()
            (minted,) = site.wait_for(incident, "grant.minted", WITHIN_SECONDS)
            (stream,) = site.place.journal.glob(f"*/*/*/{incident}/runner.jsonl")
            assert json.loads(stream.read_bytes().splitlines()[0])["id"] in elsewhere.kept
            assert minted.at > waiting.at
            site.wait_for(incident, "play.ended", WITHIN_SECONDS)
            site.post(runner.url, site.alert("resolved"))
            (closed,) = site.wait_for(incident, "incident.closed", WITHIN_SECONDS)
            assert closed.body["result"] == "repaired"
    assert site.verify().exit_code == 0


def write_old_journal(site: Site) -> None:
    """A journal of a runner whose last incident was closed and sealed three days ago."""
    ledger = Ledger.create(site.place.journal, lambda: datetime.now(UTC) - timedelta(days=3))
    with logged_in({}, site.environment) as client:
        signer, anchors = VaultSigner(client), VaultAnchors(client)
        for name in OLD:
            ledger.announce(Path(f"{name}.jsonl"), name)
            with Stream.create(site.place.journal / f"{name}.jsonl", name) as stream:
                stream.append("runner.stopped", {"pid": 1}, at=datetime.now(UTC) - timedelta(days=3))
            seal_stream(ledger, site.place.journal, name, signer, anchors)
        checkpoint(ledger.path, ledger.origin, ledger.head(), signer, anchors)


def test_old_streams_move_to_the_archive_once_every_sink_has_them(site: Site) -> None:
    """What a sink has not acknowledged stays and is named; then it is moved, and journal and archive verify with Vault."""
    archive = site.scratch / "archive"
    write_old_journal(site)
    old = {name: (site.place.journal / f"{name}.jsonl").read_bytes() for name in OLD}
    with HttpReceiver(CloudEvents()) as receiver:
        receiver.stop()
        sink = {"kind": "http", "url": receiver.url, "timeout": "1s"}
        set_journal(site, keep="1d", archive=str(archive), sinks={"siem": sink})
        with TroubledRunner(site.place.settings, site.log) as runner:
            wait_until(lambda: "older than journal.keep" in trouble(runner.url), 30, lambda: trouble(runner.url))
        assert not archive.exists()
        receiver.start()
        settings = load_settings(site.place.settings).journal
        assert ship_now(settings, WITHIN_SECONDS).exit_code == 0
        with site.runner() as runner:
            moved = [archive / f"{name}.jsonl" for name in OLD]
            gone = [site.place.journal / f"{name}.jsonl" for name in OLD]
            wait_until(
                lambda: all(one.exists() for one in moved) and not any(one.exists() for one in gone),
                WITHIN_SECONDS,
                lambda: trouble(runner.url),
            )
            wait_until(lambda: sizes(archive / NAME), WITHIN_SECONDS, "the archive is not signed")
    assert {name: (archive / f"{name}.jsonl").read_bytes() for name in OLD} == old
    said = [json.loads(line) for line in (site.place.journal / NAME).read_bytes().splitlines()]
    assert {one["body"]["stream"] for one in said if one["kind"] == "stream.archived"} == {
        f"{one}.jsonl" for one in OLD
    }
    for directory in (site.place.journal, archive):
        verified = verify_journal(directory, None, site.environment, offline=False)
        assert verified.exit_code == 0, verified.text()
