# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of things that a parameter can name: a systemd unit, a path, an address. Pure.

A parameter may come out of an alert, so each kind is a list of what is allowed, never of what is forbidden, and no
sentence repeats a value. ASCII only: what looks like a letter and is none is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ADDRESS = 2048
LONGEST_PATH = 1024
HIGHEST_PORT = 65_535
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"


@dataclass(frozen=True)
class Text:
    """A kind of text.

    Attributes:
        is_what: How a sentence calls it: `not the name of a service`.
        takes: What is allowed, as a clause.
        form: The whole text must match it.
    """

    is_what: str
    takes: str
    form: re.Pattern[str]

    def fault(self, value: object) -> str:
        """Say what is wrong with a value; empty when nothing is."""
        text = (
            str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        )  # YAML makes a number of 5
        good = isinstance(text, str) and self.form.fullmatch(text)
        return "" if good else f"is not {self.is_what}: it takes {self.takes}."


@dataclass(frozen=True)
class Whole:
    """A kind of whole number, both bounds included."""

    is_what: str
    least: int
    most: int

    def fault(self, value: object) -> str:
        """Say what is wrong with a value, which may be written as text; empty when nothing is."""
        number = _whole(value)
        good = number is not None and self.least <= number <= self.most
        return "" if good else f"is not {self.is_what}: it takes {self.least} to {self.most}."


def _text(is_what: str, takes: str, form: str) -> Text:
    return Text(is_what, takes, re.compile(form, re.ASCII))


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value, re.ASCII) else None


KINDS: Mapping[str, Text | Whole] = {
    "service": _text(
        "the name of a service",
        "letters, digits and @._:- only, begins with a letter or digit, and has at most 255 characters",
        r"[A-Za-z0-9][A-Za-z0-9@._:-]{0,254}",
    ),
    "account": _text(
        "the name of an account",
        "small letters, digits, dash and underscore, begins with a letter or underscore, and has at most 32 characters",
        r"[a-z_][a-z0-9_-]{0,31}",
    ),
    "database": _text(
        "the name of a database object",
        "letters, digits and underscore, begins with a letter or underscore, and has at most 63 characters",
        r"[A-Za-z_][A-Za-z0-9_]{0,62}",
    ),
    "host": _text(
        "the name of a host",
        "letters, digits, dots and dashes, begins and ends with a letter or digit, and has at most 253 characters",
        r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?",
    ),
    "address": _text(
        "an IP address",
        "an IPv4 address, or an IPv6 address without a zone",
        rf"{OCTET}(?:\.{OCTET}){{3}}|(?=[0-9A-Fa-f:]{{2,39}}\Z)(?=.*:)(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}[0-9A-Fa-f]{{0,4}}",
    ),
    "path": _text(
        "an absolute path",
        f"letters, digits and @._+-, no part . or .., no slash at its end, and has at most {LONGEST_PATH} characters",
        rf"(?=.{{2,{LONGEST_PATH}}}\Z)(?:/(?!\.{{1,2}}(?:/|\Z))[A-Za-z0-9@._+-]{{1,255}})+",
    ),
    "mount_point": _text(
        "a mount point",
        f"/ or a path of letters, digits and @._+-, no part . or .., no slash at its end, at most {LONGEST_PATH} characters",
        rf"/|(?=.{{2,{LONGEST_PATH}}}\Z)(?:/(?!\.{{1,2}}(?:/|\Z))[A-Za-z0-9@._+-]{{1,255}})+",
    ),
    "url": _text(
        "a plain http or https address",
        f"at most {LONGEST_ADDRESS} characters; user names, braces, quotes, spaces and fragments are refused",
        rf"(?=.{{8,{LONGEST_ADDRESS}}}\Z)https?://[A-Za-z0-9\[][][A-Za-z0-9._~:/?%&=,+;!*()-]*",
    ),
    "secret": _text(
        "the path of a secret in Vault",
        "letters, digits, ._@:+=- and single slashes, no part that begins with a dot, and has at most 512 characters",
        r"(?=.{1,512}\Z)[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*)*",
    ),
    "revision": _text(
        "a branch, tag or commit",
        "letters, digits, ._- and single slashes, no two dots, each part begins with a letter or digit, at most 200 characters",
        r"(?=.{1,200}\Z)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*",
    ),
    "word": _text(
        "one word",
        "letters, digits and ._-, begins with a letter or digit, and has at most 64 characters",
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    ),
    "argument": _text(
        "one argument of a command",
        "text of at most 4096 characters, without NUL",
        r"[^\x00]{0,4096}",
    ),
    "port": Whole("a TCP port", 1, HIGHEST_PORT),
    "seconds": Whole("a number of seconds", 1, 3600),
    "days": Whole("a number of days", 1, 3650),
    "percent": Whole("a percentage", 1, 100),
    "megabytes": Whole("a number of megabytes", 1, 100_000_000),
}
"""Every kind, by the name that `meta/remediation.yml` gives it."""
