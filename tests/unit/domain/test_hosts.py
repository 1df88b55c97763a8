# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.policy_material import hostile_values

from breakglass.domain.hosts import NoHosts, UnknownHost, resolve_host, resolve_hosts

INVENTORY = {"web1", "web2.example.com", "db-1"}


@pytest.mark.parametrize("text", ["web1", "web1:9100", "web1:0", "web1:65535"])
def test_the_whole_rule(text: str) -> None:
    """A text is an inventory name, or an inventory name with a port after it."""
    assert resolve_host(text, INVENTORY) == "web1"


@pytest.mark.parametrize(
    "text",
    [
        "web2",
        "WEB1",
        " web1",
        "web1 ",
        "web1:",
        "web1:x",
        "web1:65536",
        "web1:1:2",
        ":9100",
        "web1.",
        "web1:٣",
        "web1,",
        "all",
        "*",
    ]
    + [pytest.param(value, id=name) for name, value in hostile_values() if isinstance(value, str) and value],
)
def test_nothing_else_is_a_host(text: str) -> None:
    """Whatever is not exactly a name is refused, and the error carries the text."""
    with pytest.raises(UnknownHost) as caught:
        resolve_host(text, INVENTORY)
    assert caught.value.text == text
    assert str(caught.value).isprintable()


def test_empty_is_never_all() -> None:
    """No text, and no list, is an error."""
    with pytest.raises(NoHosts):
        resolve_host("", INVENTORY)
    with pytest.raises(NoHosts):
        resolve_hosts([], INVENTORY)


def test_hosts_come_once_and_sorted() -> None:
    """Two texts of one host are one host."""
    assert resolve_hosts(["web1:80", "db-1", "web1"], INVENTORY) == ("db-1", "web1")


@settings(database=None, deadline=None)
@given(
    st.text() | st.sampled_from(sorted(INVENTORY)).flatmap(lambda name: st.text(max_size=3).map(lambda end: name + end))
)
def test_a_resolved_text_begins_with_its_host(text: str) -> None:
    """What resolves is a prefix of the text, and only a port follows it."""
    try:
        host = resolve_host(text, INVENTORY)
    except (UnknownHost, NoHosts):
        assert text not in INVENTORY
    else:
        rest = text.removeprefix(host)
        assert not rest or (rest[0] == ":" and rest[1:].isdecimal())
