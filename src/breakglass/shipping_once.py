# SPDX-License-Identifier: GPL-3.0-or-later
"""Shipping in this process: what `breakglass audit ship` does."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.serving import serve, ship_once
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.shipper import Shipper

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._sink import Sink

    from breakglass.settings import JournalSettings

NOT_ALL = 1


class NoSinks(BreakglassError):
    """Raised when there is nowhere to ship to."""


@dataclass(frozen=True)
class Shipped:
    """What to print, and the exit code."""

    lines: tuple[str, ...]
    exit_code: int


def ship_now(journal: JournalSettings, seconds: float) -> Shipped:
    """Ship what is there; raises BreakglassError."""
    with Shipper(journal.directory, _sinks(journal)) as shipper:
        all_is_there = ship_once(shipper, seconds)
        lines = []
        for courier in shipper.couriers:
            cursor = courier.cursor
            refused = f", {cursor.refused} refused (see the dead-letter stream)" if cursor.refused else ""
            state = courier.trouble or ("nothing is left" if all_is_there else "not everything is acknowledged yet")
            lines.append(f"{courier.name}: {cursor.shipped} records acknowledged{refused}; {state}")
    return Shipped(tuple(lines), 0 if all_is_there else NOT_ALL)


def ship_on(journal: JournalSettings, say: Callable[[str], object]) -> Shipped:
    """Ship until SIGTERM or SIGINT, and say troubles when they change; raises BreakglassError."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def tell(troubles: Mapping[str, str]) -> None:
        for sink, why in troubles.items():
            say(f"{sink}: {why}")
        if not troubles:
            say("No sink has a trouble.")

    serve(journal.directory, _sinks(journal), stop, tell)
    return Shipped((), 0)


def _sinks(journal: JournalSettings) -> dict[str, Sink]:
    if not journal.sinks.sinks:
        raise NoSinks("The settings name no sinks: add journal.sinks, see the guide siem.md.")
    return make_sinks(journal.sinks.sinks, journal.sinks.directory)
