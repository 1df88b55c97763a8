# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal says of signing in at the pages: who came in, who did not and why, who left; never a code or a token.

Anybody on the network can fail to sign in, and often: of failures only so many are recorded in a minute, and then how many were left out.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from typing import TYPE_CHECKING, Final

from breakglass.domain.draft import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.requests import Person
    from breakglass.store.journal_queue import JournalQueue

MOST_REFUSALS: Final = 20
WITHIN_SECONDS: Final = 60.0
LONGEST_REASON: Final = 300


def address_class(host: str) -> str:
    """From what kind of network a call comes: an address says more of a person than the journal needs for years.

    `this machine` is also whatever a proxy on the runner's machine has passed on.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return "this machine"
    return "public" if address.is_global else "private"


class SignInRecords:
    """Writes them, durable on return; raises DatabaseUnavailable, and then nobody is to come in."""

    def __init__(self, queue: JournalQueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: list[float] = []
        self._left_out = 0

    def accepted(self, person: Person, host: str) -> None:
        """Vault says who it is, and a session is about to begin."""
        self._write("sign_in.accepted", {**_who(person), "from": address_class(host)})

    def ended(self, person: Person, host: str) -> None:
        """They have signed out."""
        self._write("sign_in.ended", {**_who(person), "from": address_class(host)})

    def refused(self, why: str, host: str) -> None:
        """Somebody came back from Vault's page, or pretended to, and is not let in."""
        left_out = self._room()
        if left_out is not None:
            body = {"why": why[:LONGEST_REASON], "from": address_class(host), "left_out": left_out}
            self._write("sign_in.refused", body)

    def _room(self) -> int | None:
        """How many were left out since the last record; None when this one is left out, too."""
        with self._lock:
            now = self._clock()
            self._recent = [at for at in self._recent if now - at < WITHIN_SECONDS]
            if len(self._recent) >= MOST_REFUSALS:
                self._left_out += 1
                return None
            self._recent.append(now)
            left_out, self._left_out = self._left_out, 0
            return left_out

    def _write(self, kind: str, body: dict[str, object]) -> None:
        self._queue.add_to_day([Note(kind, body)])


def _who(person: Person) -> dict[str, object]:
    return {"by": person.person or person.name, "entity": person.entity}
