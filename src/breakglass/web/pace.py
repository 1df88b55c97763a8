# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody may call: reads and writes of each entity apart, and calls without a valid token by where they come from.

Token buckets in the memory of a runner, so each runner of several has its own. They hold back what runs wild, not what people do:
a person at a terminal that waits asks once a second. Memory is bounded: of very many, those that have not called for longest
are forgotten.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_NAMES: Final = 10_000
IPV6_SITE: Final = 64
"""So many bits of an IPv6 address say whose it is: the others are anybody's to choose."""


@dataclass(frozen=True)
class Rate:
    """How often something may be done.

    Attributes:
        at_once: So often without a pause.
        per_second: So often for ever.
    """

    at_once: int
    per_second: float


READS: Final = Rate(200, 20)
WRITES: Final = Rate(60, 2)
GUESSES: Final = Rate(60, 1)


class Buckets:
    """A bucket of tokens for each name. May be used from several threads."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._turn = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token where there is one; the seconds until there is one, 0 when it was taken."""
        with self._turn:
            now, missing = self._missing(name)
            if missing > 0:
                return missing
            self._full_at[name] = max(self._full_at.get(name, now), now) + 1 / self._rate.per_second
            self._full_at.move_to_end(name)
            while len(self._full_at) > MOST_NAMES:
                self._full_at.popitem(last=False)
            return 0.0

    def is_empty(self, name: str) -> bool:
        """Whether there is none."""
        with self._turn:
            return self._missing(name)[1] > 0

    def _missing(self, name: str) -> tuple[float, float]:
        """Now, and the seconds until there is a token."""
        now = self._clock()
        full_in = max(self._full_at.get(name, now) - now, 0)
        return now, full_in - (self._rate.at_once - 1) / self._rate.per_second

    def __len__(self) -> int:
        """So many names are known."""
        return len(self._full_at)


@dataclass(frozen=True)
class Pace:
    """The limits of one runner.

    Attributes:
        count: Told of each call that is held back: of reads, writes or guesses.
    """

    count: Callable[[str], None]
    reads: Buckets = field(default_factory=lambda: Buckets(READS))
    writes: Buckets = field(default_factory=lambda: Buckets(WRITES))
    guesses: Buckets = field(default_factory=lambda: Buckets(GUESSES))

    def read(self, entity: str) -> None:
        """Somebody asks for something. Raises Problem."""
        self._hold_back("reads", self.reads.take(entity))

    def write(self, entity: str) -> None:
        """Somebody has something done. Raises Problem."""
        self._hold_back("writes", self.writes.take(entity))

    def guess(self, address: str) -> None:
        """A call without a valid token has come from there. Raises Problem."""
        self._hold_back("guesses", self.guesses.take(site_of(address)))

    def has_guessed_too_often(self, address: str) -> bool:
        """Whether the next such call would be held back."""
        return self.guesses.is_empty(site_of(address))

    def _hold_back(self, what: str, seconds: float) -> None:
        if not seconds:
            return
        self.count(what)
        why = {
            "reads": "You ask more often than the runner lets one identity",
            "writes": "You have more done than the runner lets one identity",
            "guesses": "Too many calls without a valid token come from your address",
        }[what]
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, f"{why}: wait, then go on.", max(1, math.ceil(seconds)))


def site_of(address: str) -> str:
    """What an address belongs to: itself, or the network of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, IPV6_SITE), strict=False))
    return address
