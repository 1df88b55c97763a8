# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as senders write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from .message import UnreadableMessage

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_HIGHEST_HOUR, _HIGHEST_MINUTE = 23, 59


def parse_time(text: str, where: str) -> datetime:
    """Read an RFC 3339 time as UTC, cut to microseconds; raises UnreadableMessage."""
    found = _TIME.fullmatch(text)
    if not found:
        raise UnreadableMessage(f"{where} {text[:80]!r} is not an RFC 3339 time.")
    date, clock, fraction, sign, hours, minutes = found.groups()
    if sign and (int(hours) > _HIGHEST_HOUR or int(minutes) > _HIGHEST_MINUTE):
        raise UnreadableMessage(f"{where} {text[:80]!r} has no real offset.")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    zone = timezone(-offset if sign == "-" else offset)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=zone)
        return moment.astimezone(UTC).replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        raise UnreadableMessage(f"{where} {text[:80]!r} is no real time.") from None
