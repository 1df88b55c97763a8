# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a form comes from, as a browser says it."""

from __future__ import annotations

import pytest

from breakglass.domain.requests import Person
from breakglass.web.pages.visitors import Visitor, origin_of


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://breakglass.example.com", "https://breakglass.example.com"),
        ("https://Breakglass.Example.com:443/tools", "https://breakglass.example.com"),
        ("https://breakglass.example.com:8443", "https://breakglass.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_origin_is_written_as_a_browser_does(address: str, origin: str) -> None:
    """Lower case, without the usual port, without a path (RFC 6454, 6.2)."""
    assert origin_of(address) == origin


def test_each_session_has_a_token_of_its_own() -> None:
    """It says nothing of the session's secret, which nobody sees in a log either."""
    ben = Person("e1", "ben", frozenset(), "ben")
    one, other = Visitor(ben, "one"), Visitor(ben, "other")
    assert one.token != other.token
    assert "one" not in one.token
    assert "'one'" not in repr(one)
