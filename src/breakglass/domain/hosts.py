# SPDX-License-Identifier: GPL-3.0-or-later
"""From a text of an alert to exactly one host of the inventory.

The rule, all of it: the text is an inventory name; or it is an inventory name, a colon and a port. Nothing is
trimmed, lower-cased, shortened to a first label, looked up, or read as a pattern.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_WITH_PORT = re.compile(r"([^:]+):([0-9]{1,5})", re.ASCII)
_HIGHEST_PORT = 65_535


class UnknownHost(BreakglassError):
    """Raised when a text names no host of the inventory; `text` is what was given."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text[:200]!r} is not a host of the inventory, with or without a port after it.")


class NoHosts(BreakglassError):
    """Raised when no host is named at all: that never means every host."""


def resolve_host(text: str, inventory: Container[str]) -> str:
    """Give the inventory name that the text means; raises NoHosts for the empty text, else UnknownHost."""
    if not text:
        raise NoHosts("The alert names no host: the text is empty.")
    if text in inventory:
        return text
    found = _WITH_PORT.fullmatch(text)
    if found and int(found[2]) <= _HIGHEST_PORT and found[1] in inventory:
        return found[1]
    raise UnknownHost(text)


def resolve_hosts(texts: Sequence[str], inventory: Container[str]) -> tuple[str, ...]:
    """Give the inventory names that the texts mean, sorted, each once; raises NoHosts or UnknownHost."""
    if not texts:
        raise NoHosts("The alert names no host: the list is empty.")
    return tuple(sorted({resolve_host(text, inventory) for text in texts}))
