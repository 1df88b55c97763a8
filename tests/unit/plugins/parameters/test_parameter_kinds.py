# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of parameters take names and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.checking import (
    UndeclaredKind,
    UnusableParameter,
    check,
    declared_kinds,
    lists_of,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.kinds import KINDS
from hypothesis import given
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE

NAMES = sorted({*KINDS} - {"argument"})
GOOD: list[tuple[str, object]] = [
    ("service", "nginx.service"),
    ("service", "getty@tty1"),
    ("account", "www-data"),
    ("account", "_apt"),
    ("database", "orders"),
    ("host", "web1.example.com"),
    ("host", "w"),
    ("address", "192.0.2.10"),
    ("address", "2001:db8::10"),
    ("address", "::1"),
    ("path", "/etc/nginx/nginx.conf"),
    ("path", "/var/lib/a..b/.hidden"),
    ("mount_point", "/"),
    ("mount_point", "/srv/data"),
    ("url", "http://localhost/healthz"),
    ("url", "https://[::1]:8443/a?b=c"),
    ("secret", "shop/mail"),
    ("revision", "refs/tags/known-good"),
    ("revision", "HEAD"),
    ("word", "2026-11-27"),
    ("argument", "a b; $HOME"),
    ("port", 443),
    ("port", "443"),
    ("seconds", 3600),
    ("days", 3650),
    ("percent", 100),
    ("megabytes", 4096),
]
BAD: list[tuple[str, object]] = [
    ("service", "../nginx"),
    ("service", "nginx;reboot"),
    ("service", "ngin*"),
    ("service", "-nginx"),
    ("service", "ng\u0456nx"),
    ("service", ""),
    ("service", "n" * 10_000),
    ("service", "nginx\n"),
    ("service", None),
    ("service", True),
    ("account", "Root"),
    ("account", "root:0"),
    ("account", "0root"),
    ("database", "a-b"),
    ("database", 'a"b'),
    ("host", "web1-"),
    ("host", "web1:22"),
    ("address", "192.0.2.256"),
    ("address", "192.0.2.0/24"),
    ("address", "010.0.0.1"),
    ("address", "web1"),
    ("address", "fe80::1%eth0"),
    ("address", "2001:db8::10]"),
    ("address", "1:2:3:4:5:6:7:8:9"),
    ("address", ":"),
    ("path", "relative"),
    ("path", "/"),
    ("path", "/etc/"),
    ("path", "//etc"),
    ("path", "/etc/../shadow"),
    ("path", "/etc/."),
    ("path", "/etc/.."),
    ("path", "/etc/passwd\n"),
    ("path", "/var/log/*"),
    ("path", "/a b"),
    ("path", "/" + "a/" * 600 + "a"),
    ("mount_point", "//"),
    ("mount_point", "/srv/"),
    ("mount_point", "/srv/../etc"),
    ("mount_point", "/\n"),
    ("mount_point", ""),
    ("url", "http://user:secret@localhost/"),
    ("url", "http://localhost/{{ 1 }}"),
    ("url", "ftp://localhost/"),
    ("url", "http://"),
    ("url", "http://localhost/#x"),
    ("url", "javascript://localhost/"),
    ("revision", "main..other"),
    ("revision", "HEAD~1"),
    ("revision", "HEAD:etc"),
    ("revision", "--all"),
    ("revision", "a//b"),
    ("revision", "refs/../x"),
    ("revision", "a@{1}"),
    ("word", "."),
    ("argument", "a\0b"),
    ("argument", "x" * 5000),
    ("port", 0),
    ("port", 65_536),
    ("port", "4_4_3"),
    ("port", "\u0664\u0664\u0663"),
    ("port", True),
    ("port", 1.5),
    ("secret", "shop//mail"),
    ("secret", "../mail"),
    ("secret", "shop/*"),
    ("seconds", -1),
    ("days", 0),
    ("percent", 101),
    ("megabytes", 0),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_a_good_value_has_no_fault(kind: str, value: object) -> None:
    """What people really name passes."""
    assert KINDS[kind].fault(value) == ""


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_a_bad_value_has_one(kind: str, value: object) -> None:
    """Everything else is refused by a sentence that says what is taken and repeats nothing."""
    fault = KINDS[kind].fault(value)
    assert fault.startswith("is not ")
    assert ": it takes " in fault


@pytest.mark.parametrize("kind", NAMES)
def test_the_corpus_names_nothing_dangerous(kind: str) -> None:
    """A hostile text that passes as a name has no character that any shell, template, path or page could read."""
    for _, value in HOSTILE:
        if isinstance(value, str) and not KINDS[kind].fault(value) and kind != "url":
            assert value.isascii()
            assert not set(value) & set("{}$`;|&<>*?!'\"\\ \n\t#%()~")
            assert ".." not in value.split("/")


@given(kind=st.sampled_from(NAMES), value=st.text(max_size=40))
def test_any_text_that_passes_is_plain(kind: str, value: str) -> None:
    """Whatever passes is ASCII without control characters, quotes, braces or spaces."""
    if not KINDS[kind].fault(value):
        assert value.isascii()
        assert value.isprintable()
        assert not set(value) & set("{}$`|<>'\"\\ #")


def test_a_default_says_nothing() -> None:
    """A value that is the default is not checked, whichever way a number is written; an item of a list is."""
    kinds = {"a_url": "url", "a_port": "port", "a_command": "word"}
    defaults: dict[str, object] = {"a_url": "", "a_port": 0, "a_command": []}
    check(kinds, {"a_url": "", "a_port": "0", "a_command": []}, defaults, {"a_command"})
    check(kinds, {"a_command": ["one", "two", 3]}, defaults, {"a_command"})


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("one", "is not a list."),
        ({"one": 1}, "is not a list."),
        (["one", "two three"], "has an item that is not one word"),
        (["one"] * 201, "is too long a list: it takes at most 200 items."),
    ],
)
def test_lists_are_checked_by_item(value: object, sentence: str) -> None:
    """A list that is none, has too many items, or a bad one, is refused, with a default and without."""
    for defaults in ({"a_command": []}, {}):
        with pytest.raises(UnusableParameter, match=sentence):
            check({"a_command": "word"}, {"a_command": value}, defaults, {"a_command"})


def test_a_list_needs_no_default() -> None:
    """One that is required, or is left out, has none; its type says that it is a list."""
    options = {
        "a_path": {"type": "list", "elements": "str", "required": True},
        "a_unit": {"type": "list"},
        "a_word": {"type": "str", "required": True},
        "a_port": {"type": "int", "default": 0},
    }
    assert lists_of(options) == {"a_path", "a_unit"}
    check({"a_path": "path", "a_unit": "service"}, {"a_path": ["/etc/a", "/etc/b"]}, {}, lists_of(options))
    with pytest.raises(UnusableParameter, match="a_path has an item that is not an absolute path"):
        check({"a_path": "path"}, {"a_path": ["/etc/a", "b"]}, {}, lists_of(options))


def test_what_is_no_list_takes_none() -> None:
    """A list where one thing belongs is refused, whatever its items are."""
    with pytest.raises(UnusableParameter, match="a_path is not an absolute path"):
        check({"a_path": "path"}, {"a_path": ["/etc/a"]}, {"a_path": "/etc/b"}, ())


@pytest.mark.parametrize("options", [None, [], {"a": None}, {"a": "list"}])
def test_options_that_are_none(options: object) -> None:
    """A spec that says nothing of a parameter does not make it a list."""
    assert lists_of(options) == frozenset()


@pytest.mark.parametrize(
    "remediation", [{"parameters": ["a"]}, {"parameters": {"a": "sql"}}, {"parameters": {"a": ["b"]}}]
)
def test_a_declaration_that_is_none(remediation: object) -> None:
    """Kinds that there are not are refused, so that a typo does not switch a check off."""
    with pytest.raises(UndeclaredKind):
        declared_kinds(remediation)


@pytest.mark.parametrize("remediation", [None, {}, {"parameters": None}, []])
def test_nothing_declared(remediation: object) -> None:
    """A role need not declare any."""
    assert declared_kinds(remediation) == {}
