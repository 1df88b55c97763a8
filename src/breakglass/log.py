# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's log on standard error: one line an event, with control characters escaped."""

from __future__ import annotations

import logging

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

SHOW_ADDRESSES = ("apprise", "urllib3")
"""They show an address that they can't read, or whose answer they can't, with all secrets that it holds."""


class _OneLine(logging.Formatter):
    """Makes sure that no text from outside can forge a line or steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


def set_up_logging() -> None:
    """Log warnings and worse of everybody, and what the runner says itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("breakglass").setLevel(logging.INFO)
    for shows_addresses in SHOW_ADDRESSES:
        logging.getLogger(shows_addresses).setLevel(logging.CRITICAL + 1)
