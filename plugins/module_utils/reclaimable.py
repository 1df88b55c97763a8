# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a full filesystem may go: kinds, each with its directories and the form of its names. An allow-list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HOUR = 3600
DAY = 86_400
PACKED = r"(?:\.(?:gz|xz|bz2|zst|lz4|Z))"
WHO_CAME_IN = re.compile(
    r"(?:auth|secure|sudo|wtmp|btmp|lastlog|faillog|audit|tallylog)(?:[^A-Za-z].*)?", re.ASCII | re.DOTALL
)


@dataclass(frozen=True)
class Kind:
    """One kind of files.

    Attributes:
        directories: Where they are, with everything below.
        form: What the whole name of such a file matches.
        without: Names of directories that are not entered.
        quiet: For how many seconds such a file must not have been changed or read.
        logs_of_logins: Whether the logs that say who came in are among them; otherwise those stay.
    """

    directories: tuple[str, ...]
    form: re.Pattern[str]
    without: frozenset[str] = field(default=frozenset())
    quiet: float = 0
    logs_of_logins: bool = True

    def takes(self, name: str, touched: float, now: float) -> bool:
        """Whether a file of this name, last changed or read then, is one of them."""
        if self.form.fullmatch(name) is None or now - touched < self.quiet:
            return False
        return self.logs_of_logins or WHO_CAME_IN.fullmatch(name) is None


def _form(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.DOTALL)


KINDS = ("package_caches", "temporary_files", "core_dumps", "rotated_logs", "journal", "deleted_files")
"""All of them, those first whose loss hurts least."""


def kinds(log_directories: list[str], temporary_days: int) -> dict[str, Kind]:
    """Every kind that consists of files with names, in the order in which they go."""
    return {
        "package_caches": Kind(
            (
                "/var/cache/apt/archives",
                "/var/cache/dnf",
                "/var/cache/yum",
                "/var/cache/zypp/packages",
                "/var/cache/pacman/pkg",
            ),
            _form(r".+\.(?:deb|rpm|drpm|pkg\.tar(?:\.[a-z0-9]+)?)"),
            quiet=HOUR,
        ),
        "temporary_files": Kind(("/tmp", "/var/tmp"), _form(r".+"), quiet=temporary_days * DAY),  # noqa: S108
        "core_dumps": Kind(("/var/lib/systemd/coredump", "/var/crash"), _form(r"core(?:\..+)?|.+\.crash|vmcore")),
        "rotated_logs": Kind(
            tuple(log_directories),
            _form(
                rf".+(?:\.[1-9][0-9]{{0,3}}|-[0-9]{{8}}(?:-?[0-9]{{2,10}})?|\.old){PACKED}?"
                rf"|.+\.log{PACKED}"
                rf"|.+-[0-9]{{8}}(?:-?[0-9]{{2,10}})?\.log{PACKED}?"
            ),
            frozenset({"journal", "audit"}),
            logs_of_logins=False,
        ),
        "journal": Kind(("/var/log/journal",), _form(r".+@.+\.journal~?")),
    }
