# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending one message through a channel, which is one Apprise URL: a secret, and never part of what is said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import apprise

NO_URL = "its file does not hold an Apprise URL"
NOT_TAKEN = "it did not take the message"


def send(url: str, subject: str, body: str) -> str:
    """Send a message as plain text. Empty when the channel took it, else why not, without the address."""
    sender = _sender(url)
    if sender is None:
        return NO_URL
    taken = sender.notify(title=subject, body=body, body_format="text", interpret_escapes=False)
    return "" if taken else NOT_TAKEN


def is_channel(url: str) -> bool:
    """Tell whether Apprise can send to such an address; nothing is sent."""
    return _sender(url) is not None


def deliver(channels: Mapping[str, Path], name: str, subject: str, body: str) -> str:
    """Send it through the channel of this name, whose file is read anew. Empty when the channel took it, else why not."""
    if name not in channels:
        return "the settings have no channel of this name any more"
    try:
        return send(read_secret_file(channels[name]), subject, body)
    except BreakglassError as error:
        return str(error)


def _sender(url: str) -> apprise.Apprise | None:
    import apprise  # noqa: PLC0415 (costly, and most runners never need it)

    # It tells its log about addresses that it can't read, secrets and all.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    sender = apprise.Apprise()
    return sender if sender.add(url) else None
