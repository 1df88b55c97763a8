# SPDX-License-Identifier: GPL-3.0-or-later
"""Outside text on a terminal."""

from __future__ import annotations

import json

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugins.journal.test_journal_record import corpus


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nginx, 100 % full: \u00fc \u4f60\u597d \U0001f600", "nginx, 100 % full: \u00fc \u4f60\u597d \U0001f600"),
        ("web\x1b[2J\x07", "web\\x1b[2J\\x07"),
        ("web\nforged line\r\t", "web\\x0aforged line\\x0d\\x09"),
        ("\x7f\x9b31m", "\\x7f\\x9b31m"),
        ("web\u202egnp", "web\\u202egnp"),
        ("\u2066x\u2069\u200bx\ufeff\u200f\u061c\u2028", "\\u2066x\\u2069\\u200bx\\ufeff\\u200f\\u061c\\u2028"),
        ("\U000e0041\ud800", "\\U000e0041\\ud800"),
        ("a\u00a0b\u3000", "a\\xa0b\\u3000"),
        ("e\u0301t\u00e9", "e\u0301t\u00e9"),
        ("a" + "\u0301" * 100 + "b", "a" + "\u0301" * 4 + "[+96 combining]b"),
        ("\u0301" * 5, "\u0301" * 4 + "[+1 combining]"),
    ],
)
def test_what_is_not_plainly_visible_is_escaped(text, shown):
    """Controls, directions, zero widths and floods of accents are shown as what they are; words are left alone."""
    assert printable(text) == shown


@pytest.mark.parametrize("value", corpus())
def test_hostile_text_is_one_visible_line(value):
    """Nothing of the corpus keeps a character that a terminal obeys."""
    shown = printable(value if isinstance(value, str) else json.dumps(value))
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


@given(st.text(st.characters()))
def test_any_text_can_be_printed(text):
    """Whatever comes, the result is printable, can be encoded, and stays as it is when it is shown again."""
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    assert printable(shown) == shown
