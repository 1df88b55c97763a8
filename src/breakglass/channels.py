# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending one message through a channel, which is one Apprise URL: a secret, and never part of what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.settings import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NO_URL = "its file does not hold an Apprise URL"
NOT_TAKEN = "it did not take the message"


def send(url: str, subject: str, body: str) -> str:
    """Send a message as plain text. Empty when the channel took it, else why not, without the address."""
    import apprise  # noqa: PLC0415 (costly, and most runners never need it)

    sender = apprise.Apprise()
    if not sender.add(url):
        return NO_URL
    taken = sender.notify(title=subject, body=body, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False)
    return "" if taken else NOT_TAKEN


def deliver(channels: Mapping[str, Path], name: str, subject: str, body: str) -> str:
    """Send it through the channel of this name, whose file is read anew. Empty when the channel took it, else why not."""
    if name not in channels:
        return "the settings have no channel of this name any more"
    try:
        return send(read_secret_file(channels[name]), subject, body)
    except BreakglassError as error:
        return str(error)
