# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of a system say of an account: passwd, shadow, group, sudoers, sshd. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONG_AGO = "1"
"""The day of expiry that is set: 1970-01-02. Day 0 is read as `never` by some."""
_DIRECTIVE = re.compile(r"[@#]include(dir)?\s")
_UID_FORM = re.compile(r"#[0-9]")


@dataclass(frozen=True)
class Account:
    """A line of passwd.

    Attributes:
        name: Its name.
        uid: Its number.
        home: Its directory.
    """

    name: str
    uid: int
    home: str


def account(passwd: str, name: str) -> Account | None:
    """The account of this name; None when there is none."""
    fields = _line(passwd, name)
    return Account(name, int(fields[2]), fields[5]) if fields else None


def password_state(shadow: str, name: str) -> str:
    """`locked`, `empty` or `set`; a missing line counts as locked. Never the hash."""
    fields = _line(shadow, name)
    if not fields or fields[1].startswith("!"):
        return "locked"
    return "set" if fields[1] else "empty"


def expiry(shadow: str, name: str) -> str:
    """The day of expiry, in days since 1970; empty for never."""
    fields = _line(shadow, name)
    return fields[7] if fields else ""


def members(group: str, name: str) -> list[str] | None:
    """The members of a group, in order; None when there is no such group."""
    fields = _line(group, name)
    return [one for one in fields[3].split(",") if one] if fields else None


def sudo_lines(text: str) -> list[str]:
    """The lines of a sudoers file that say something: joined where they go on, without comments."""
    joined = re.sub(r"\\\n", " ", text)
    lines = [line.strip() for line in joined.splitlines()]
    return [
        line for line in lines if line and (not line.startswith("#") or _DIRECTIVE.match(line) or _UID_FORM.match(line))
    ]


def names_only(text: str, who: Account) -> bool:
    """Whether a sudoers file says something, and of this user alone."""
    lines = sudo_lines(text)
    return bool(lines) and all(_subject(line) in (who.name, f"#{who.uid}") for line in lines)


def mentions(text: str, who: Account) -> bool:
    """Whether any line of a sudoers file, or of a system crontab, names the user as a word."""
    form = re.compile(rf"(?<![\w%/.-])({re.escape(who.name)}|#{who.uid})(?![\w/.-])")
    return any(form.search(line) for line in sudo_lines(text))


def key_files(sshd: str, who: Account) -> tuple[list[str], list[str]]:
    """The files that sshd reads keys of the user from, out of `sshd -T -C user=…`: those of the user alone, and those shared."""
    named = [word for line in sshd.splitlines() if line.startswith("authorizedkeysfile ") for word in line.split()[1:]]
    named = [word for word in named if word != "none"]
    own: list[str] = []
    shared: list[str] = []
    for word in named:
        path = word.replace("%%", "\0").replace("%h", who.home).replace("%u", who.name).replace("%U", str(who.uid))
        path = path.replace("\0", "%")
        is_own = not word.startswith("/") or any(token in word for token in ("%h", "%u", "%U"))
        (own if is_own else shared).append(path if path.startswith("/") else f"{who.home.rstrip('/')}/{path}")
    return own, shared


def _subject(line: str) -> str:
    """Of whom a line speaks, when it speaks of one; else empty."""
    word = line.split(maxsplit=1)[0]
    if word.startswith("Defaults:"):
        return word.partition(":")[2]
    rest = line[len(word) :].lstrip()
    is_alone = not word.endswith(",") and not rest.startswith((",", "="))
    return word if is_alone and "=" in rest and not word.startswith(("Defaults", "@", "%", "+")) else ""


def _line(text: str, name: str) -> list[str]:
    return next((fields for fields in (line.split(":") for line in text.splitlines()) if fields[0] == name), [])
