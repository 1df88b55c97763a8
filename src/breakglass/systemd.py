# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling systemd how the service is: sd_notify(3) and sd_watchdog_enabled(3), a datagram to the socket that it names."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Self

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

if TYPE_CHECKING:
    from collections.abc import MutableMapping

LOG = logging.getLogger("breakglass.systemd")
LONGEST_STATUS = 500
MICROSECONDS = 1_000_000
READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


class Systemd:
    """The service manager, if there is one; without it nothing is told to anybody.

    Attributes:
        watchdog_seconds: A service that has not said `ALIVE` for so long is killed and started again; 0 for never.
    """

    def __init__(self, address: str, watchdog_seconds: float) -> None:
        """Take the socket's path, `@name` for an abstract one, empty for none."""
        self.watchdog_seconds = watchdog_seconds if address else 0.0
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_heard = True

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Self:
        """Read what systemd says to this process, and take it away, so that no child can speak in its name."""
        address = environ.pop("NOTIFY_SOCKET", "")
        period = environ.pop("WATCHDOG_USEC", "")
        meant = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        if address and not address.startswith(("/", "@")):
            LOG.warning("NOTIFY_SOCKET names no socket of this machine; systemd is told nothing.")
            address = ""
        is_period = meant and period.isascii() and period.isdigit()
        return cls(address, int(period) / MICROSECONDS if is_period else 0.0)

    @property
    def listens(self) -> bool:
        """Whether anybody is told."""
        return bool(self._address)

    def status(self, text: str) -> None:
        """Show a sentence in `systemctl status`; on one line, since each line of a message has a meaning of its own."""
        self.tell(f"STATUS={printable(' '.join(text.split()))[:LONGEST_STATUS]}")

    def tell(self, message: str) -> None:
        """Send one of `READY`, `STOPPING` and `ALIVE`; never waits, and never fails: it is logged once if nobody hears it."""
        if not self.listens:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.sendto(message.encode(), self._address)
            self._is_heard = True
        except OSError as error:
            if self._is_heard:
                LOG.warning("systemd does not hear %s: %s.", message.partition("=")[0], error.strerror)
            self._is_heard = False
