# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose commit a policy is of: what a real git says, and what anybody may write into a commit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from breakglass.policy_commit import LONGEST_NAME, author_of, described

if TYPE_CHECKING:
    from pathlib import Path

TREE = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
COMMITTER = "committer GitHub <noreply@example.org> 1764028800 +0200"


def commit(author: str, committer: str = COMMITTER, message: str = "\n\nAllow more\n") -> str:
    """As git stores it."""
    return f"{TREE}\nauthor {author} <eve@example.org> 1763942400 +0200\n{committer}{message}"


def test_git_is_asked(tmp_path: Path) -> None:
    """Its author, and the day of the commit; of a commit that is not there, and where there is no git, nothing."""

    def git(*words: str) -> str:
        settings = ("-c", "user.name=eve", "-c", "user.email=eve@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(("git", *settings, *words), cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "breakglass.yml").write_text("version: 1\n", encoding="utf-8")
    git("add", "breakglass.yml")
    git("commit", "-q", "-m", "Begin", "--date", "2026-11-20T12:00:00Z")
    head = git("rev-parse", "HEAD")
    day = git("show", "-s", "--date=format-local:%Y-%m-%d", "--format=%cd", head)
    assert author_of(tmp_path, head) == f"eve, {day}"
    assert author_of(tmp_path, "0" * 40) == ""
    (tmp_path / "elsewhere").mkdir()
    assert author_of(tmp_path / "nowhere", head) == ""


def test_what_is_said_of_a_commit() -> None:
    """The day is UTC's."""
    assert described(commit("Eve of Web")) == "Eve of Web, 2025-11-25"


@pytest.mark.parametrize(
    "name", ["\x1b[2Jeve", "eve\u202e", "e" * 5000, "eve\u2028approved"], ids=["escape", "turned", "long", "line"]
)
def test_a_name_is_anybodys_text(name: str) -> None:
    """It is one line, without control characters, and short."""
    said = described(commit(name))
    assert said.isprintable()
    assert len(said) <= LONGEST_NAME + len(", 2025-11-25")


@pytest.mark.parametrize(
    "text",
    [
        "",
        commit(""),
        commit("eve", "committer nobody"),
        commit("eve", "committer GitHub <noreply@example.org> 99999999999 +0000"),
        f"{TREE}\n\nauthor eve <eve@example.org> 1763942400 +0200\n{COMMITTER}\n",
    ],
    ids=["nothing", "nobody", "no time", "a time that is none", "only in the message"],
)
def test_what_is_no_commit_says_nothing(text: str) -> None:
    """No guess."""
    assert described(text) == ""
