# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a recording may be played: it draws, and never makes a terminal answer, act or remember."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.sessions.harmless import LONGEST_STRING, Harmless, may_be_played

DANGEROUS = [
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]8;;https://evil.example\x1b\\",
    '\x1bP$q"p\x1b\\',
    "\x1b_apc\x1b\\",
    "\x1b^pm\x1b\\",
    "\x1bXsos\x1b\\",
    "\x1b[6n",
    "\x1b[c",
    "\x1b[>c",
    "\x1b[21t",
    "\x1b[5i",
    "\x1b[>q",
    "\x1b[?1000h",
    "\x1b[?2004h",
    "\x1b[?1049;1003h",
    "\x1b[?25$p",
    "\x1bZ",
    "\x05",
    "\x9b6n",
    "\x9d0;t\x9c",
]
DRAWS = [
    "\x1b[1;31m",
    "\x1b[2J",
    "\x1b[10;20H",
    "\x1b[?25l",
    "\x1b[?1049h",
    "\x1b[K",
    "\x1b7",
    "\x1b(0",
    "\r\n\t\b",
    "é漢",
]


@pytest.mark.parametrize("sequence", DANGEROUS)
def test_what_could_answer_or_act_is_dropped(sequence: str) -> None:
    """Whole or in pieces; what stands around it is played."""
    assert Harmless().feed(f"a{sequence}b").replace("6n", "").replace("0;t", "") == "ab"
    in_pieces = Harmless()
    assert "".join(map(in_pieces.feed, f"a{sequence}b")).replace("6n", "").replace("0;t", "") == "ab"


@pytest.mark.parametrize("sequence", DRAWS)
def test_what_draws_is_played(sequence: str) -> None:
    """As it is, also when it comes in pieces."""
    assert Harmless().feed(f"a{sequence}b") == f"a{sequence}b"
    in_pieces = Harmless()
    assert "".join(map(in_pieces.feed, f"a{sequence}b")) == f"a{sequence}b"


def test_a_string_without_an_end_hides_only_so_much() -> None:
    """Who leaves one open can't hide the rest of a session from who looks at it."""
    assert Harmless().feed("\x1b]0;" + "x" * LONGEST_STRING + "seen").endswith("seen")


@given(st.text(st.sampled_from("\x1b[]P?0123456789;hlmnctqi\x07\x9b\x18 aZ(\\"), max_size=60))
def test_nothing_comes_out_but_text_and_what_is_on_the_list(text: str) -> None:
    """Whatever goes in, each escape that comes out begins a sequence that only draws."""
    played = Harmless().feed(text)
    for found in re.finditer(r"\x1b(\[[0-9;:?]*[@-~]|.{1,2})", played):
        sequence = found[0]
        assert may_be_played(sequence) or sequence[1] in "78=>DEHMc()*+"
    assert not set(played) & set("\x05\x07\x9b\x90\x9d")
