# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose commit it is that the policy was read from, for those who decide by it: git is asked for that one object."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.module_utils.git_reading import ENVIRONMENT, SETTINGS

from breakglass.domain.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

WITHIN_SECONDS = 10
LONGEST_NAME = 60
LONGEST_HEADER = 16 * 1024
AUTHOR = re.compile(r"^author (?P<name>.*) <[^>\n]*> \d+ [+-]\d{4}$", re.MULTILINE)
COMMITTED = re.compile(r"^committer .* (?P<seconds>\d{1,10}) [+-]\d{4}$", re.MULTILINE | re.ASCII)


def author_of(directory: Path, commit: str) -> str:
    """Who wrote the commit, and when it came to be: `eve, 2026-11-25`; empty where git is not there or can't say.

    Only `cat-file` is asked, which runs nothing that a repository configures (see `git_reading`).
    """
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    command = ["git", "--no-replace-objects", *settings, "-C", str(directory), "cat-file", "commit", commit]
    try:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=WITHIN_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return described(done.stdout[:LONGEST_HEADER].decode("utf-8", "replace"))


def described(text: str) -> str:
    """The same of a commit as git stores it; a name is anybody's text, so it is quoted, and a header only counts above the message."""
    header = text.partition("\n\n")[0]
    author, committed = AUTHOR.search(header), COMMITTED.search(header)
    if not author or not committed or not author["name"].strip():
        return ""
    try:
        day = datetime.fromtimestamp(int(committed["seconds"]), UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return ""
    return f"{one_line(author['name'], LONGEST_NAME)}, {day}"
