# SPDX-License-Identifier: GPL-3.0-or-later
"""Command blocks of README and guides, each with the mark above it that says how it is known to work.

Marks::

    <!-- run: GROUND -->                      tests/e2e/test_guides.py runs it, on that ground of tests/support/guide_grounds.py
    <!-- run: GROUND; codes 1 0 -->           its commands end with these codes, one after the other, the others with 0
    <!-- run: GROUND; until Runner http -->   its command does not end: it is stopped when it has printed that
    <!-- run: GROUND; but not amtool: REASON -->   commands of this program are left out
    <!-- run by: tests/e2e/test_x.py -->      that test takes its commands out of the page and runs them
    <!-- run by: .ci/run -->                  they are lines of what CI runs
    <!-- shown: REASON -->                    nothing runs it, and why
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
PAGES = [TREE / "README.md", *sorted((TREE / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?:<!-- (?P<how>run by|run|shown): (?P<mark>.+?) -->\n)?```(?P<language>console|sh|shell|bash)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MORE = re.compile(r"(codes|until|but not) (.*)")
PROMPT = re.compile(r"^\$ ((?:.*\\\n)*.*)", re.MULTILINE)


@dataclass(frozen=True)
class CommandBlock:
    """One block.

    Attributes:
        page: Where it stands, relative to the tree.
        line: The line that it begins at.
        how: `run`, `run by`, `shown`; empty where it has no mark.
        about: The ground, the test, or the reason.
        codes: What its commands end with; those that are not named with 0.
        until: What its last command prints before it is stopped; empty for one that ends.
        left_out: Program to the reason why its commands are left out.
        commands: What is typed, one after the other.
    """

    page: str
    line: int
    how: str
    about: str
    codes: tuple[int, ...]
    until: str
    left_out: dict[str, str]
    commands: tuple[str, ...]


def blocks() -> list[CommandBlock]:
    """Every command block of README and docs, in its order."""
    return [_block(page, found) for page in PAGES for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def _block(page: Path, found: re.Match[str]) -> CommandBlock:
    how, mark = found["how"] or "", found["mark"] or ""
    about, *more = mark.split("; ") if how == "run" else [mark]
    given = dict(MORE.fullmatch(one).groups() for one in more)  # type: ignore[union-attr]
    program, _colon, reason = given.get("but not", "").partition(": ")
    text = found["text"]
    commands = PROMPT.findall(text) if found["language"] == "console" else [line for line in text.splitlines() if line]
    return CommandBlock(
        page=str(page.relative_to(TREE)),
        line=page.read_text(encoding="utf-8")[: found.start()].count("\n") + 1,
        how=how,
        about=about,
        codes=tuple(map(int, given.get("codes", "").split())),
        until=given.get("until", ""),
        left_out={one: reason for one in program.split(", ") if one},
        commands=tuple(command.replace("\\\n", " ") for command in commands),
    )
