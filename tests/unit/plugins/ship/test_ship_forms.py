# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record looks like on its way: syslog, OTLP, Standard Webhooks; and the audit modes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import GENESIS, Record, line_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cursor import Position
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.modes import (
    Mode,
    Verdict,
    may_start_run,
    may_start_task,
    mode_of,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.options import UnusableSink
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.parcel import Parcel
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._rfc5424 import message, octet_counted
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks.http import (
    batch_id,
    signature_headers,
    webhook_key,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks.otlp_http import request_of
from hypothesis import given
from hypothesis import strategies as st


def parcel(text: str = "restarted", name: str = 'a"b]c\\d', kind: str = "task.result") -> Parcel:
    record = Record("2026/RUN-1/play-1", 3, name, "2026-11-23T02:52:02.123456Z", kind, {"text": text}, GENESIS)
    return Parcel(record, line_of(record), "2026/RUN-1/play-1.jsonl", Position(9, 3))


def test_syslog_message() -> None:
    """The message is RFC 5424's, with the record's id as structured data, escaped as section 6.3.3 asks."""
    shown = message(parcel(), "audit", "run ner")
    assert shown.startswith(
        b"<109>1 2026-11-23T02:52:02.123456Z run_ner breakglass - task.result "
        b'[breakglass@32473 id="a\\"b\\]c\\\\d" stream="2026/RUN-1/play-1" seq="3"] {"at":'
    )
    assert octet_counted(b"abc") == b"3 abc"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_syslog_message_is_one_line_of_ascii(text: str) -> None:
    """No text can begin a message of its own, or leave the structured data."""
    shown = message(parcel(text), "local7", text)
    assert shown.isascii()
    assert all(byte >= 0x20 for byte in shown)
    assert re.match(rb"<189>1 \S+ [\x21-\x7e]{1,255} breakglass - task\.result \[breakglass@32473 ", shown)


def test_long_kind_is_cut_to_what_syslog_allows() -> None:
    """MSGID has at most 32 characters."""
    assert b" - " + b"k" * 32 + b" [" in message(parcel(kind="k" * 60), "user", "h")


def test_webhook_signature_of_the_specification() -> None:
    """The signature is that of the example of Standard Webhooks."""
    key = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Path("secret"))
    headers = signature_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_batch_id_follows_from_the_records() -> None:
    """The same records are the same message, others are another one."""
    assert batch_id([parcel()]) == batch_id([parcel("other text")])
    assert batch_id([parcel()]) != batch_id([parcel(), parcel(name="x")])


def test_otlp_time_is_exact() -> None:
    """Nanoseconds are text, and exact to the microsecond."""
    assert '"timeUnixNano": "1795402322123456000"' in json.dumps(request_of([parcel()], "x"))


def test_modes() -> None:
    """Strict stops without a record, remote_strict also without an acknowledgement from elsewhere, best_effort never."""
    assert mode_of({}) is Mode.STRICT
    assert mode_of({"BREAKGLASS_AUDIT_MODE": "remote_strict"}) is Mode.REMOTE_STRICT
    with pytest.raises(UnusableSink, match="best_effort"):
        mode_of({"BREAKGLASS_AUDIT_MODE": "lax"})
    for mode in Mode:
        assert may_start_task(mode, "") is Verdict.GO
        assert may_start_run(mode, "", "") is Verdict.GO
        kept_on = Verdict.WARN if mode is Mode.BEST_EFFORT else Verdict.STOP
        assert may_start_task(mode, "disk full") is kept_on
        assert may_start_run(mode, "disk full", "") is kept_on
    assert may_start_run(Mode.REMOTE_STRICT, "", "nobody") is Verdict.STOP
    assert may_start_run(Mode.STRICT, "", "nobody") is Verdict.GO
