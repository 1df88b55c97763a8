# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one sink, as a person wrote them: typed when they are asked for, with sentences when they are wrong."""

from __future__ import annotations

import difflib
import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .._errors import BreakglassError
from .._run.duration import UnreadableDuration, duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_HIGHEST_PORT = 65_535
_MOST_SECONDS = 3600


class UnusableSink(BreakglassError):
    """Raised when a sink's settings are wrong."""


class Options:
    """The options of one sink. Whoever has asked for all that it knows calls `refuse_others`."""

    def __init__(self, sink: str, given: Mapping[str, object], directory: Path) -> None:
        """Take the sink's name, its mapping, and the directory that relative paths start from."""
        self.sink = sink
        self._given = given
        self._directory = directory
        self._asked = {"kind"}

    def wrong(self, name: str, advice: str) -> UnusableSink:
        """Return the error for one option."""
        return UnusableSink(f"The option {name} of the sink {self.sink} can't be used. {advice}")

    def is_given(self, name: str) -> bool:
        """Tell whether the option is there."""
        return self._given.get(name) is not None

    def words(self, name: str, default: str | None = None) -> str:
        """Return a text of one line; without a default it must be there."""
        self._asked.add(name)
        value = self._given.get(name)
        if value is None:
            if default is None:
                raise UnusableSink(f"The sink {self.sink} needs the option {name}.")
            return default
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, (dict, list, tuple)) or not text or not text.isprintable():
            raise self.wrong(name, "Write a text of one line.")
        return text

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        """Return one of the known words."""
        text = self.words(name, default)
        if text not in known:
            raise self.wrong(name, f"Write one of: {', '.join(known)}.")
        return text

    def flag(self, name: str, default: str) -> bool:
        """Return a yes or no."""
        return self.choice(name, ("true", "false"), default) == "true"

    def count(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1."""
        text = self.words(name, str(default))
        if not _COUNT.fullmatch(text) or int(text) > most:
            raise self.wrong(name, f"Write a whole number from 1 to {most}.")
        return int(text)

    def seconds(self, name: str, default: str) -> float:
        """Return a duration in seconds."""
        try:
            seconds = duration(self.words(name, default)).total_seconds()
        except UnreadableDuration as error:
            raise self.wrong(name, str(error)) from None
        if seconds > _MOST_SECONDS:
            raise self.wrong(name, "Write at most 1h.")
        return seconds

    def file(self, name: str) -> Path | None:
        """Return a path, None if the option is not there; a relative one starts from the settings' own directory."""
        text = self.words(name, "")
        return Path(os.path.normpath(self._directory / text)) if text else None

    def needed_file(self, name: str) -> Path:
        """Return a path that must be given."""
        self.words(name)
        return self.file(name) or Path()

    def address(self, name: str, default_port: int) -> tuple[str, int]:
        """Return host and port of `host`, `host:port` or `[IPv6]:port`."""
        found = _ADDRESS.fullmatch(self.words(name))
        port = int(found[3]) if found and found[3] else default_port
        if not found or not 0 < port <= _HIGHEST_PORT:
            raise self.wrong(name, f"Write host:port, for example siem.example.com:{default_port}.")
        return found[1] or found[2], port

    def url(self, name: str) -> str:
        """Return an http(s) address without user, password, query or fragment, and without its last slash."""
        text = self.words(name)
        try:
            parts = urlsplit(text)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment:
            raise self.wrong(name, "Write an address: https://host/path.")
        if parts.username or parts.password:
            raise self.wrong(name, "A user name or password does not belong into an address: name a file instead.")
        return text.rstrip("/")

    def refuse_clear_text(self, name: str, host: str) -> None:
        """Refuse an option that would send a secret, or records, unencrypted to another machine."""
        if not is_this_machine(host):
            raise self.wrong(name, f"What is sent to {host} would travel in clear text.")

    def refuse_others(self) -> None:
        """Refuse options that nobody has asked for; raises UnusableSink."""
        for name in self._given:
            if name not in self._asked:
                near = difflib.get_close_matches(str(name), self._asked, n=1)
                hint = f'Did you mean "{near[0]}"?' if near else f"Known here: {', '.join(sorted(self._asked))}."
                raise UnusableSink(f"The sink {self.sink} has no option {str(name)[:80]!r}. {hint}")


def is_this_machine(host: str) -> bool:
    """Tell whether an address can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
