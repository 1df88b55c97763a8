# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that pass through a run are in no sink: texts are masked before they are journalled, and only that is shipped."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._kinds import known_kinds
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks.postgresql import TABLE
from tests.support.certificates import Authority
from tests.support.postgresql import DATABASE, LOOPBACK, own_postgresql
from tests.support.receivers.dialects import CloudEvents, JsonLines, Otlp, SplunkHec
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal
from tests.support.receivers.shipping import courier, drain
from tests.support.receivers.syslog_receiver import SyslogReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest
    from tests.support.postgresql import PostgreSQL

__all__ = ["own_postgresql"]
CANARY = "c4n4ry/Sup3r+s3cr3t&value"
SHAPES = (
    "hvs.CAESIJ2kPz0c4n4ryc4n4ryc4n4ryc4n4ry",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG40cnkifQ.c4n4ryc4n4ryc4n4ry",
    "-----BEGIN PRIVATE KEY-----\nc4n4ryc4n4ryc4n4ry\n-----END PRIVATE KEY-----",
)
SINK_SECRET = "tok-c4n4ry-of-the-sink"


def hostile_record(redactor: Redactor) -> dict[str, str]:
    encoded = base64.b64encode(CANARY.encode()).decode()
    texts = [CANARY, encoded, quote(CANARY, safe=""), f"https://user:{CANARY.replace('/', '')}@db", *SHAPES]
    return {f"text{number}": redactor.mask(f"it says {text}!") for number, text in enumerate(texts)}


def test_no_secret_is_shipped(
    tmp_path: Path, own_postgresql: PostgreSQL, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """One hostile record, through every kind of sink: neither the run's secrets nor the sink's own are in what arrives."""
    own_postgresql.sql(f"CREATE ROLE shipper LOGIN PASSWORD '{SINK_SECRET}'")
    own_postgresql.sql(TABLE.format(table="breakglass_journal"))
    own_postgresql.sql("GRANT INSERT ON breakglass_journal TO shipper")
    journal = ShippedJournal(tmp_path / "journal")
    journal.write("01", [hostile_record(Redactor([CANARY], key=b"k" * 32))])
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(SINK_SECRET)
    authority = Authority.create(tmp_path / "ca", "ca")
    with (
        HttpReceiver(CloudEvents(token=SINK_SECRET)) as events,
        HttpReceiver(JsonLines()) as lines,
        HttpReceiver(SplunkHec(SINK_SECRET)) as splunk,
        HttpReceiver(Otlp(SINK_SECRET)) as otlp,
        SyslogReceiver("tls", tls=authority.server()) as syslog,
    ):
        secret = str(token)
        sinks: list[Mapping[str, object]] = [
            {"kind": "http", "url": events.url, "bearer_token_file": secret},
            {"kind": "http", "format": "json_lines", "url": lines.url},
            {"kind": "splunk_hec", "url": splunk.url, "token_file": secret},
            {"kind": "otlp_http", "url": otlp.url, "key_file": secret},
            {"kind": "syslog", "address": syslog.address, "ca_cert": str(authority.path)},
            {
                "kind": "postgresql",
                "address": f"{LOOPBACK}:{own_postgresql.port}",
                "database": DATABASE,
                "user": "shipper",
                "password_file": secret,
                "tls": "disable",
            },
            {"kind": "stdout"},
            {"kind": "file", "path": str(tmp_path / "out.jsonl")},
        ]
        assert {sink["kind"] for sink in sinks} == set(known_kinds())
        for options in sinks:
            with courier(journal, options) as one:
                drain(one)
            (journal.directory / ".ship" / "siem.json").rename(tmp_path / f"cursor-{len(list(tmp_path.iterdir()))}")
        shipped = [*events.bodies, *lines.bodies, *splunk.bodies, *otlp.bodies, *syslog.messages]
    (rows,) = own_postgresql.sql("SELECT string_agg(t::text, ' ') FROM breakglass_journal t")
    printed = capfdbinary.readouterr().out
    assert "it says" in rows[0]
    assert b"it says" in printed
    shipped += [printed, rows[0].encode()]
    shipped += [(tmp_path / "out.jsonl").read_bytes(), *(path.read_bytes() for path in tmp_path.glob("cursor-*"))]
    assert all(
        b"it says" in one
        for one in (b"".join(events.bodies), b"".join(syslog.messages), (tmp_path / "out.jsonl").read_bytes())
    )
    everything = b"\n".join(shipped).decode(errors="replace")
    for needle in ("c4n4ry", CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()[:20]):
        assert needle not in everything
