# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading answers and error texts."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import answer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.error_text import LIMIT, clean, clean_all
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    BusyVault,
    DeniedByVault,
    Failure,
    InvalidRequest,
    MissingPath,
    SealedVault,
    UnexpectedAnswer,
    UnreachableVault,
    VaultError,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.failures import error_for
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
READERS = [answer.section, answer.text, answer.optional_text, answer.whole, answer.truth, answer.texts, answer.moment]


@pytest.mark.parametrize("reader", READERS)
@given(value=JSON)
def test_whatever_vault_answers_a_reader_returns_or_raises_ours(
    reader: Callable[[Mapping[str, object], str], object], value: object
) -> None:
    """No value of any JSON type makes another error than UnexpectedAnswer."""
    for fields in ({"field": value}, {}):
        with suppress(UnexpectedAnswer):
            reader(fields, "field")


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("2026-11-22T23:08:26.265748207Z", 265748),
        ("2026-11-22T23:08:26Z", 0),
        ("2026-11-22T23:08:26.5Z", 500000),
        ("2026-11-23T00:08:26.5+01:00", 500000),
    ],
)
def test_gos_times_are_read_as_utc(written: str, microsecond: int) -> None:
    """Nine decimals, none, and other zones are read."""
    found = answer.moment({"at": written}, "at")
    assert found == datetime(2026, 11, 22, 23, 8, 26, microsecond, tzinfo=timezone.utc)
    assert found.tzinfo is timezone.utc


@pytest.mark.parametrize(
    "written", ["", "now", "2026-13-01T00:00:00Z", "2026-11-22T23:08:26", "9999-12-31T23:59:59-23:59"]
)
def test_other_times_are_refused(written: str) -> None:
    """What is no point in time with a zone is an unexpected answer."""
    with pytest.raises(UnexpectedAnswer):
        answer.moment({"at": written}, "at")


@given(st.text(max_size=1000))
def test_a_cleaned_text_is_one_short_printable_line(text: str) -> None:
    """Whatever a server says, one printable line of limited length is left."""
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert len(cleaned) <= LIMIT


@pytest.mark.parametrize(
    "token",
    ["hvs.CAESIJ" + "x" * 80, "s.IzbQYbLBjI4rLxu9TJiNBgGx", "b.AAAAAQ" + "y" * 100, "s.IzbQYbLBjI4rLxu9TJiNBgGx.ns1ab"],
)
def test_tokens_are_taken_out(token: str) -> None:
    """Tokens of Vault and OpenBao are hidden, also inside of other words' punctuation."""
    assert token not in clean(f"bad token ({token}), sorry")
    assert clean(f"bad token ({token}), sorry") == "bad token ([hidden]), sorry"


def test_named_secrets_are_taken_out_but_short_words_stay() -> None:
    """A secret of the request is hidden; one of three letters would only garble the text."""
    assert clean("secret-id-1 of web", ["secret-id-1", "web"]) == "[hidden] of web"


def test_only_lists_of_errors_count() -> None:
    """Anything else than a list gives no texts, and at most five are kept."""
    assert clean_all(None) == clean_all("text") == clean_all({"a": 1}) == ()
    assert clean_all(["x"] * 9) == ("x",) * 5


@pytest.mark.parametrize(
    ("status", "texts", "kind"),
    [
        (400, (), InvalidRequest),
        (403, (), DeniedByVault),
        (404, (), MissingPath),
        (412, (), BusyVault),
        (429, (), BusyVault),
        (472, (), SealedVault),
        (473, (), SealedVault),
        (501, (), SealedVault),
        (503, ("Vault is sealed",), SealedVault),
        (503, (), UnreachableVault),
        (500, ("internal error",), UnreachableVault),
        (502, (), UnreachableVault),
        (307, (), UnexpectedAnswer),
        (418, (), UnexpectedAnswer),
    ],
)
def test_each_status_has_its_error(status: int, texts: tuple[str, ...], kind: type[VaultError]) -> None:
    """A status becomes one error, whose text has operation, address and what Vault said."""
    failure = Failure(operation="GET x", url="https://vault", status=status, errors=texts)
    error = error_for(failure)
    assert type(error) is kind
    assert error.retryable is (kind in {BusyVault, SealedVault, UnreachableVault})
    assert (error.operation, error.url, error.status, error.errors) == ("GET x", "https://vault", status, texts)
    assert str(error).startswith("GET x failed: Vault at https://vault ")
    assert all(text in str(error) for text in texts)
