# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels: each file holds an address that Apprise can send to. A message is only sent when that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.channels import NO_URL, is_channel, send
from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import SETTINGS
from breakglass.secret_files import UnreadableSecret, read_secret_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.doctor.known import Known

SUBJECT = "breakglass: a test message"
BODY = "Nothing happened: somebody wants to know whether this channel works. It is one of those that call you when a repair fails."


def look(known: Known) -> Iterator[Finding]:
    """One line for each channel."""
    channels = known[SETTINGS].channels
    if not channels:
        yield wrong(
            "channels", "there is none, so nobody is told when a repair fails. Name one in the settings: channels"
        )
    for name, channel in channels.items():
        yield _look_at(f"channel {name}", channel.url_file, sends=known.asked.send)


def _look_at(about: str, file: Path, *, sends: bool) -> Finding:
    try:
        url = read_secret_file(file)
    except UnreadableSecret:
        return unknown(about, f"{file} can't be read, see above")
    if not sends:
        said = "an Apprise URL; send it a test message with --send"
        return ok(about, said) if is_channel(url) else _bad(about, file, NO_URL)
    why = send(url, SUBJECT, BODY)
    return _bad(about, file, why) if why else ok(about, "took a test message; did it arrive?")


def _bad(about: str, file: Path, why: str) -> Finding:
    return wrong(about, f"{why}. Put another address into {file}; the forms are in Apprise's documentation")
