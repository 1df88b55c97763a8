# SPDX-License-Identifier: GPL-3.0-or-later
"""How senders prove who they are: by a token, a password, a signature or a certificate; and what does not prove it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from breakglass.policy.validation import validate
from breakglass.policy.yaml_text import read_yaml
from breakglass.secret_files import UnreadableSecret
from breakglass.settings_sources import SourceSettings
from breakglass.web.senders import refusal_of_body, refusal_of_headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"a": 1}'
KEY = b"k" * 32
WHSEC = f"whsec_{base64.b64encode(KEY).decode()}"


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], SourceSettings]:
    """A source of these lines; the secrets are in files one, two, hook and bad."""
    for name, secret in {"one": "first", "two": "second", "hook": WHSEC, "bad": "whsec_short"}.items():
        (tmp_path / name).touch(0o600)
        (tmp_path / name).write_text(secret, encoding="utf-8")

    def make(lines: str) -> SourceSettings:
        return validate(SourceSettings, read_yaml(f"kind: alertmanager\n{lines}", "x"), {"directory": tmp_path})

    return make


def signed(secret: bytes, content: bytes) -> bytes:
    return hmac.new(secret, content, hashlib.sha256).digest()


def basic(words: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}


@pytest.mark.parametrize(
    ("lines", "headers", "proven"),
    [
        ("bearer_token_files: [one, two]", {"authorization": "Bearer second"}, True),
        ("bearer_token_files: [one, two]", {"authorization": "bearer  first"}, True),
        ("bearer_token_files: [one, two]", {"authorization": "Bearer firs"}, False),
        ("bearer_token_files: [one, two]", {"authorization": "first"}, False),
        ("bearer_token_files: [one, two]", basic("first:first"), False),
        ("bearer_token_files: [one, two]", {}, False),
        ("basic: {user: am, password_files: [one, two]}", basic("am:second"), True),
        ("basic: {user: am, password_files: [one, two]}", basic("am:first"), True),
        ("basic: {user: am, password_files: [one, two]}", basic("am:"), False),
        ("basic: {user: am, password_files: [one, two]}", basic("other:first"), False),
        ("basic: {user: am, password_files: [one, two]}", {"authorization": "Basic !!!"}, False),
        ("basic: {user: am, password_files: [one, two]}", {"authorization": "Bearer first"}, False),
    ],
)
def test_what_stands_in_the_header(
    source: Callable[[str], SourceSettings], lines: str, headers: dict[str, str], *, proven: bool
) -> None:
    """Each of several secrets, and nothing else."""
    assert (refusal_of_headers(source(lines), headers, frozenset()) == "") is proven


def test_a_certificate_is_for_one_of_the_names(source: Callable[[str], SourceSettings]) -> None:
    """The listener has verified it; here only its names count."""
    wanted = source("client_certificates: [alerts.example.com, spiffe://x/y]")
    assert refusal_of_headers(wanted, {}, frozenset({"spiffe://x/y", "z"})) == ""
    for names in (frozenset({"z"}), frozenset[str](), frozenset({"alerts.example.com.evil"})):
        assert "none of this source's names" in refusal_of_headers(wanted, {}, names)


def test_all_that_the_settings_name_must_be_proven(source: Callable[[str], SourceSettings]) -> None:
    """A token does not replace a certificate."""
    both = source("client_certificates: [a]\nbearer_token_files: [one]")
    token = {"authorization": "Bearer first"}
    assert refusal_of_headers(both, token, frozenset({"a"})) == ""
    assert refusal_of_headers(both, token, frozenset())
    assert refusal_of_headers(both, {}, frozenset({"a"}))


def standard(body: bytes = BODY, stamp: str = STAMP, key: bytes = KEY, name: str = "msg_1") -> dict[str, str]:
    signature = base64.b64encode(signed(key, f"{name}.{stamp}.".encode() + body)).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA v1,{signature} v2,x"}


def grafana(body: bytes = BODY, stamp: str = STAMP, key: bytes = b"first") -> dict[str, str]:
    signature = signed(key, stamp.encode() + b":" + body).hex()
    return {"x-grafana-alerting-signature": signature, "x-grafana-alerting-signature-timestamp": stamp}


def pagerduty(body: bytes = BODY, key: bytes = b"first") -> dict[str, str]:
    return {"x-pagerduty-signature": f"v1={'0' * 64},v1={signed(key, body).hex()}"}


SCHEMES = {
    "standard_webhooks": ("hook", standard),
    "grafana": ("one, two", grafana),
    "pagerduty": ("one, two", pagerduty),
}


def settings_of(scheme: str, more: str = "") -> str:
    return f"hmac: {{scheme: {scheme}, secret_files: [{SCHEMES[scheme][0]}]{more}}}"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_over_what_was_sent(source: Callable[[str], SourceSettings], scheme: str) -> None:
    """It proves the sender; over another body, by another secret or without one, it does not."""
    wanted, sign = source(settings_of(scheme)), SCHEMES[scheme][1]
    assert refusal_of_body(wanted, sign(), BODY, NOW) == ""
    assert "signature is missing" in refusal_of_body(wanted, sign(), BODY + b" ", NOW)
    assert "signature is missing" in refusal_of_body(wanted, sign(key=b"other"), BODY, NOW)
    assert refusal_of_body(wanted, {}, BODY, NOW)
    for name in sign():
        if "timestamp" not in name:
            assert refusal_of_body(wanted, {**sign(), name: ""}, BODY, NOW), name


@pytest.mark.parametrize("scheme", ["standard_webhooks", "grafana"])
@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24 * 365])
def test_an_old_signature_is_refused(source: Callable[[str], SourceSettings], scheme: str, minutes: int) -> None:
    """And one from the future."""
    wanted, sign = source(settings_of(scheme)), SCHEMES[scheme][1]
    assert "which is more than 300 s from now" in refusal_of_body(
        wanted, sign(), BODY, NOW + timedelta(minutes=minutes)
    )
    patient = source(settings_of(scheme, ", tolerance: 400d"))
    assert refusal_of_body(patient, sign(), BODY, NOW + timedelta(minutes=minutes)) == ""


@pytest.mark.parametrize("stamp", ["", "-1", "1e9", "9" * 30, "999999999999", "\u0661", "now"])
@pytest.mark.parametrize("scheme", ["standard_webhooks", "grafana"])
def test_what_is_no_moment_is_refused(source: Callable[[str], SourceSettings], scheme: str, stamp: str) -> None:
    """Although it is signed."""
    assert refusal_of_body(source(settings_of(scheme)), SCHEMES[scheme][1](stamp=stamp), BODY, NOW)


def test_grafana_s_timestamp_header_has_the_name_that_the_contact_point_gives_it(
    source: Callable[[str], SourceSettings],
) -> None:
    """Header names have no case."""
    wanted = source(settings_of("grafana", ", timestamp_header: X-When"))
    headers = grafana()
    headers["x-when"] = headers.pop("x-grafana-alerting-signature-timestamp")
    assert refusal_of_body(wanted, headers, BODY, NOW) == ""
    assert "X-When" in refusal_of_body(wanted, grafana(), BODY, NOW)


def test_a_file_without_a_secret_refuses_nobody_silently(source: Callable[[str], SourceSettings]) -> None:
    """Nobody can say who sent it: that is not the sender's fault."""
    bad = source("hmac: {scheme: standard_webhooks, secret_files: [bad]}")
    with pytest.raises(UnreadableSecret, match="holds no webhook secret"):
        refusal_of_body(bad, standard(), BODY, NOW)
    with pytest.raises(UnreadableSecret):
        refusal_of_headers(source("bearer_token_files: [nothing]"), {}, frozenset())
