# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are masked in every form that they travel in, and ordinary text stays readable."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.secret_shapes import MASK
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import GENESIS, Record, line_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from hypothesis import given
from hypothesis import strategies as st

SECRET = 'p4ss w/rd+\u00fc"\\'
KEY = b"digest key"
TOKEN = "CAESIJ" + "x7Qz" * 20


@pytest.fixture
def redactor():
    return Redactor([SECRET], key=KEY)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        b64encode(SECRET.encode()).decode(),
        urlsafe_b64encode(SECRET.encode()).decode(),
        b64encode(f"ada:{SECRET}".encode()).decode(),
        b64encode(f"ben.:{SECRET}\n".encode()).decode(),
    ],
)
def test_a_known_secret_is_masked_in_every_form(redactor, form):
    """Plain, URL-encoded, in JSON, and in base64 at any place of it."""
    masked = redactor.mask(f"before {form} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    for part in (SECRET[:8], b64encode(SECRET.encode()).decode()[4:12]):
        assert part not in masked


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4), st.binary(max_size=9), st.binary(max_size=9))
def test_no_place_in_base64_hides_a_secret(secret, before, after):
    """Whatever stands before and after it, a secret in base64 loses its middle."""
    if len(secret.encode()) < 8:
        return
    encoded = b64encode(before + secret.encode() + after).decode()
    assert MASK in Redactor([secret], key=KEY).mask(encoded)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"token hvs.{TOKEN}", f"token {MASK}"),
        (f"hvb.{TOKEN},hvr.{TOKEN}", f"{MASK},{MASK}"),
        (f"VAULT_TOKEN=s.{TOKEN[:24]};", f"VAULT_TOKEN={MASK};"),
        (f'"b.{TOKEN}"', f'"{MASK}"'),
        ("https://ada:p@ss:word@db1/x", f"https://ada:{MASK}@db1/x"),
        ("postgresql://ada:hunter2@db1:5432/shop?a=b", f"postgresql://ada:{MASK}@db1:5432/shop?a=b"),
        ("redis://:hunter2@cache", f"redis://:{MASK}@cache"),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {MASK}"),
        ("authorization: basic YWRhOnB3", f"authorization: basic {MASK}"),
        ('{"Authorization": "Bearer abc"}', f'{{"Authorization": "Bearer {MASK}"}}'),
        ("X-Vault-Token: whatever", f"X-Vault-Token: {MASK}"),
        ("curl -H 'bearer 0123456789abcdef'", f"curl -H 'bearer {MASK}'"),
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl end", f"{MASK} end"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\nrest", f"{MASK}\nrest"),
        ("-----BEGIN PRIVATE KEY-----\\nabc\\n-----END PRIVATE KEY-----", MASK),
        ("x -----BEGIN RSA PRIVATE KEY-----\nabc, cut here", f"x {MASK}"),
    ],
)
def test_text_that_looks_like_a_secret_is_masked(redactor, text, masked):
    """Tokens, private keys, JWTs, passwords in URLs and authorization headers of anybody."""
    assert redactor.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nginx answers 502 since 02:51",
        "http://localhost:8081/healthz?a=b:c@d",
        "mailto:ada@example.com at 10:00",
        "s.th. is wrong with b.example.com and hosts.web1",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "the bearer of bad news",
        "authorization was refused",
        "breakglass.remediation.plugins.plugin_utils",
    ],
)
def test_ordinary_text_stays_as_it_is(redactor, text):
    """What an operator needs to read is not masked."""
    assert redactor.mask(text) == text


def test_secrets_are_learned_on_the_way(redactor):
    """A credential that was obtained later is masked from then on; very short ones would mask everything."""
    redactor.learn(["correct horse", "ab", ""])
    assert redactor.mask("correct horse ab") == f"{MASK} ab"


def test_a_longer_secret_is_masked_before_its_part():
    """Where one secret contains another, nothing of the longer one is left."""
    assert Redactor(["horse", "correct horse battery"], key=KEY).mask("correct horse battery") == MASK


def test_a_redactor_shows_no_secret(redactor):
    """Neither its repr nor its text has a secret or the key."""
    assert SECRET not in repr(redactor) + str(redactor)


def test_a_long_field_is_cut_and_its_original_can_be_recognised(redactor):
    """A cut text carries its size and a keyed digest of the original; a short one is only masked."""
    long = "x" * 400 + SECRET
    assert redactor.field("short " + SECRET, 300) == f"short {MASK}"
    assert redactor.field(long, 300) == {
        "text": "x" * 300,
        "size": len(long),
        "sha256": hmac.new(KEY, long.encode(), "sha256").hexdigest(),
    }


def test_a_secret_at_the_cut_is_masked_first(redactor):
    """Cutting can't leave the first half of a secret behind."""
    field = redactor.field("x" * 298 + SECRET + "y" * 10, 300)
    assert field["text"] == "x" * 298 + MASK[:2]


@given(st.text(st.characters()))
def test_any_masked_text_can_be_recorded(text):
    """Lone surrogates too: a record of it can always be written."""
    body = {"text": Redactor(["secret"], key=KEY).field(text, 20)}
    line_of(Record("breakglass/x", 1, "x", "2026-11-22T02:52:04.000000Z", "task.result", body, GENESIS))


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 200_000,
        "://" * 200_000,
        "://a:" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "-----BEGIN " * 50_000,
        "authorization: " * 40_000,
        "bearer " * 80_000,
        "hvs." * 150_000,
        " " * 500_000,
        "://" + "a" * 500_000 + ":",
        "://x:" + "@" * 500_000,
        "s." + "a" * 500_000,
    ],
    ids=lambda text: text[:8],
)
@pytest.mark.timeout(10)
def test_no_text_makes_masking_slow(redactor, text):
    """Half a megabyte that was made to make the patterns search is masked in linear time, not in minutes."""
    redactor.mask(text)


LONG = "c4n4ry/of+a=secret-0123456789"


@pytest.mark.parametrize(
    "gap", ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "\\\n", "%0A", "\n+", "\n- ", "\n> ", "\n# ", "\n\n"]
)
@pytest.mark.parametrize("form", [LONG, quote(LONG, safe=""), b64encode(f"ada:{LONG}".encode()).decode()])
def test_a_known_secret_is_masked_when_it_is_broken_over_lines(gap, form):
    """Anywhere, with the ends of lines of any program, indented, and behind the marks of a diff or a comment."""
    redactor = Redactor([LONG], key=KEY)
    for width in (5, 9, 14):
        broken = gap.join(form[at : at + width] for at in range(0, len(form), width))
        masked = redactor.mask(f"before {gap}{broken}{gap} after")
        assert masked.startswith("before ")
        assert masked.endswith(" after")
        bare = masked.replace(gap, "")
        assert MASK in masked
        assert all(form[at : at + 9] not in bare for at in range(4, len(form) - 12)), masked


@pytest.mark.parametrize(
    "form", [LONG.encode().hex(), "c4n4ry%2fof%2ba%3dsecret-0123456789", json.dumps(json.dumps(LONG))]
)
def test_less_common_forms_are_masked_too(form):
    """Hexadecimal, lower-case percent signs, and JSON inside JSON."""
    assert LONG[3:12] not in Redactor([LONG], key=KEY).mask(f"x {form} y")
    assert form[4:20] not in Redactor([LONG], key=KEY).mask(f"x {form} y")


def test_lines_without_a_secret_stay_as_they_are():
    """Words of a short secret that happen to stand on two lines are not touched, nor is any other text of many lines."""
    text = "line one\n+ line two\n- line three\nte\nst\n" * 3
    assert Redactor(["test", LONG], key=KEY).mask(text) == text


def test_what_somebody_else_knows_is_masked_too():
    """Newer cores keep secrets of their own; they are asked last."""
    redactor = Redactor([LONG], key=KEY, also=lambda text: text.replace("theirs", MASK))
    assert redactor.mask(f"theirs {LONG}") == f"{MASK} {MASK}"


def test_a_secret_learned_later_is_masked_in_a_text_that_was_seen_before():
    """What is remembered of masked texts ends when there is a new secret."""
    redactor = Redactor(key=KEY)
    assert redactor.mask(f"x {LONG}") == f"x {LONG}"
    redactor.learn([LONG])
    assert redactor.mask(f"x {LONG}") == f"x {MASK}"


@pytest.mark.parametrize(
    "text",
    ["\n" * 500_000, "\\n+" * 150_000, "\n c4n4ry" * 60_000, "\\" * 500_000, " \t" * 250_000, '"' * 500_000 + "x"],
)
@pytest.mark.timeout(20)
def test_no_lines_make_masking_slow(text):
    """Half a megabyte of line ends is looked through in linear time."""
    Redactor([LONG], key=KEY).mask(text + "\n")
