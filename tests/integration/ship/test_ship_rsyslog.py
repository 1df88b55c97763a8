# SPDX-License-Identifier: GPL-3.0-or-later
"""The syslog sink against a real rsyslog."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.certificates import Authority
from tests.support.receivers.journal import ShippedJournal, hostile_bodies
from tests.support.receivers.rsyslog import Rsyslog, need_rsyslog
from tests.support.receivers.shipping import courier, drain

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN_WITHIN_SECONDS = 20


@pytest.mark.parametrize("transport", ["tls", "tcp", "udp"])
def test_rsyslog_gets_and_understands_everything(transport: str, tmp_path: Path) -> None:
    """A real rsyslog parses every message, hostile texts too; over TCP and TLS also those sent while it was away."""
    need_rsyslog()
    journal = ShippedJournal(tmp_path / "journal")
    journal.write("01", hostile_bodies())
    authority = Authority.create(tmp_path / "ca", "ca")
    options: dict[str, object] = {"kind": "syslog", "transport": transport, "ca_cert": str(authority.path)}
    with Rsyslog(tmp_path / "rsyslog", authority.path, authority.server()) as receiver:
        options["address"] = f"127.0.0.1:{receiver.ports[transport]}"
        with courier(journal, options) as one:
            drain(one)
            if transport != "udp":
                receiver.stop()
                journal.run("02", 20)
                assert one.step()
                receiver.start()
                drain(one)
            assert one.trouble == ""
        wanted = {str(record["id"]): record for record in journal.records()}
        limit = time.monotonic() + WRITTEN_WITHIN_SECONDS
        while not wanted.keys() <= (kept := {str(record["id"]): record for _, record in receiver.kept()}).keys():
            assert time.monotonic() < limit, f"rsyslog has {len(kept)} of {len(wanted)}"
            time.sleep(0.05)
        assert {name: kept[name] for name in wanted} == wanted
        for (version, facility, program, kind, structured), record in receiver.kept():
            assert (version, facility, program) == ("1", "audit", "breakglass")
            assert kind == str(record["kind"])[:32]
            assert structured.startswith('[breakglass@32473 id="')
