# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked for on a host, and what was asked for already, over the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import plain

from breakglass.client.listing import items
from breakglass.client.requesting import OPEN, PATH, WAITING

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

OFFERS = "/api/v1/offers"


@dataclass(frozen=True)
class Offered:
    """An access that we may ask for; every text can be printed.

    Attributes:
        access: Its name.
        needs: Who must say yes; empty when nobody is asked.
        seconds: Its longest time box.
        ticket: Whether one must be named.
        hosts: Inventory names of those that are meant.
        login: Whether it lets us log in to these.
        hand_out: Whether we may take it to our own machine.
    """

    access: str
    needs: str
    seconds: int
    ticket: bool
    hosts: tuple[str, ...] = ()
    login: bool = True
    hand_out: bool = False

    @property
    def words(self) -> str:
        """For people."""
        rest = [self.needs or "automatic", f"{self.seconds // 60}m", *(["ticket"] if self.ticket else [])]
        return f"{self.access} ({', '.join(rest)})"


@dataclass(frozen=True)
class Asked:
    """A request of ours that is not over."""

    request: str
    state: str
    access: str
    hosts: tuple[str, ...]
    handed_out: bool
    until: str

    @property
    def is_open(self) -> bool:
        """Whether its grant is open, and used by the runner for us."""
        return self.state == OPEN and not self.handed_out

    @property
    def waits(self) -> bool:
        """Whether it may still open."""
        return self.state in WAITING and not self.handed_out


def offered(api: RunnerApi, host: str = "") -> list[Offered]:
    """What the policy offers us on a host, or altogether. Raises BreakglassError."""
    return [
        Offered(
            access=plain(one.get("access", "")),
            needs=plain(one.get("needs", "")),
            seconds=_whole(one.get("time_box_seconds")),
            ticket=one.get("ticket_required") is True,
            hosts=_words(one.get("hosts")),
            login=one.get("login") is True,
            hand_out=one.get("hand_out") is True,
        )
        for one in items(api, f"{OFFERS}?host={quote(host, safe='')}" if host else OFFERS)
    ]


def asked(api: RunnerApi) -> list[Asked]:
    """Our requests that are not over, the newest first. Raises BreakglassError."""
    return [
        Asked(
            request=plain(one.get("request", "")),
            state=plain(one.get("state", "")),
            access=plain(one.get("access", "")),
            hosts=_words(one.get("hosts")),
            handed_out=one.get("handed_out") is True,
            until=plain(one.get("until", "")),
        )
        for one in items(api, PATH)
    ]


def _words(value: object) -> tuple[str, ...]:
    return tuple(plain(word) for word in value) if isinstance(value, list) else ()


def _whole(value: object) -> int:
    return value if type(value) is int else 0
