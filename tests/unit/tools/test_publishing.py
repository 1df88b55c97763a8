# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be published: a collection that says where its source is, and not one with a placeholder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[3]
REFUSE = "import sys; sys.path.insert(0, 'tools'); import distribution; print(distribution.refusal(sys.stdin.read()), end='')"


def refusal(galaxy: str) -> str:
    """What the builder says to a galaxy.yml."""
    words = [sys.executable, "-c", REFUSE]
    return subprocess.run(words, cwd=TREE, input=galaxy, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "repository",
    [
        "https://example.com/breakglass/remediation",
        "https://git.example.org/x",
        "https://some.example/x",
        "https://git.invalid/x",
        "https://localhost/x",
        "http://git.debian.org/x",
        "breakglass",
        "''",
        "https:///x",
    ],
)
def test_a_placeholder_is_refused_with_what_to_do(repository: str) -> None:
    """Reserved names and what is no https address; the sentence names file and way out."""
    said = refusal(f"namespace: breakglass\nrepository: {repository}\n")
    assert said.startswith("galaxy.yml has the repository ")
    assert "Put in the address of the repository that you publish from" in said


def test_one_without_a_repository_is_refused() -> None:
    """As Galaxy would."""
    assert refusal("namespace: breakglass\n")


@pytest.mark.parametrize("host", ["git.debian.org", "notexample.com", "example.com.debian.org", "latest"])
def test_a_real_address_is_taken(host: str) -> None:
    """Also one that only looks like a reserved name."""
    assert refusal(f"repository: https://{host}/collection\n") == ""
