# SPDX-License-Identifier: GPL-3.0-or-later
"""What exactly runs is read from files alone: digests, and the commit as git itself names it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.contents import commit_of, role_digest

from breakglass.remediations import content_digest

if TYPE_CHECKING:
    from pathlib import Path


def _git(directory: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit."""
    place = tmp_path / "repository"
    place.mkdir()
    _git(place, "init", "-q")
    (place / "deep").mkdir()
    (place / "deep" / "play.yml").write_text("---\n", encoding="utf-8")
    _git(place, "add", ".")
    _git(place, "commit", "-q", "-m", "one")
    return place


@pytest.mark.parametrize("form", ["loose", "packed"])
def test_the_commit_of_a_branch_is_found(tree: Path, form: str) -> None:
    """From any directory below, whether the reference has a file of its own or not."""
    if form == "packed":
        _git(tree, "pack-refs", "--all")
    assert commit_of(tree / "deep") == _git(tree, "rev-parse", "HEAD")


def test_a_detached_head_and_a_linked_working_tree_have_their_own_commit(tree: Path) -> None:
    """A linked working tree shares the references of its repository."""
    _git(tree, "worktree", "add", "-q", "-b", "other", str(tree.parent / "linked"))
    (tree.parent / "linked" / "more").write_text("", encoding="utf-8")
    _git(tree.parent / "linked", "add", ".")
    _git(tree.parent / "linked", "commit", "-q", "-m", "two")
    assert commit_of(tree.parent / "linked") == _git(tree.parent / "linked", "rev-parse", "HEAD")
    _git(tree, "checkout", "-q", "--detach")
    assert commit_of(tree) == _git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "head", ["", "ref: ../../etc/passwd", "ref: refs/../../secret", "ref: refs/heads/none", "z" * 40, "\udcff"]
)
def test_a_head_that_can_t_be_followed_is_no_commit(tmp_path: Path, head: str) -> None:
    """Nothing outside the references is read, and nothing is raised."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head.encode(errors="surrogateescape") + b"\n")
    assert commit_of(tmp_path) == ""


def test_no_repository_is_no_commit(tmp_path: Path) -> None:
    """A `.git` that points nowhere is none either."""
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n", encoding="utf-8")
    assert commit_of(tmp_path) == ""


def test_a_role_s_digest_is_the_one_that_plans_name(tmp_path: Path) -> None:
    """Names and contents count, compiled Python does not, and a link to a directory is refused."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "main.yml").write_text("---\n", encoding="utf-8")
    before = role_digest(tmp_path)
    assert before == content_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert role_digest(tmp_path) == before
    (tmp_path / "tasks" / "main.yml").rename(tmp_path / "tasks" / "other.yml")
    assert role_digest(tmp_path) != before
    (tmp_path / "link").symlink_to(tmp_path / "tasks")
    with pytest.raises(OSError, match="link to a directory"):
        role_digest(tmp_path)
