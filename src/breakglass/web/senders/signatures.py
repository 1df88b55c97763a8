# SPDX-License-Identifier: GPL-3.0-or-later
"""What signatures over a body have in common: fresh, and by one of the secrets."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

WRONG = "The signature is missing or by none of this source's secrets."
_LONGEST_TIMESTAMP = 12


def keys(files: Sequence[Path]) -> list[bytes]:
    """The secrets as they stand in their files; raises UnreadableSecret."""
    return [read_secret_file(path).encode() for path in files]


def is_signed(content: bytes, given: Iterable[bytes], secrets: Iterable[bytes]) -> bool:
    """Whether one of the signatures (raw bytes) is the HMAC-SHA256 of the content under one of the secrets."""
    signatures = list(given)
    right = [hmac.new(secret, content, sha256).digest() for secret in secrets]
    matches = [hmac.compare_digest(one, other) for one in signatures for other in right]
    return any(matches)


def unhex(text: str) -> bytes:
    """The bytes of a text in hex; none when it is not."""
    try:
        return bytes.fromhex(text) if text.isascii() and " " not in text else b""
    except ValueError:
        return b""


def staleness(timestamp: str, now: datetime, tolerance: timedelta) -> str:
    """Why a moment in seconds since 1970 is not now, give or take; empty if it is."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        return "The timestamp of the signature is missing, or not seconds since 1970."
    try:
        sent = datetime.fromtimestamp(int(timestamp), UTC)
    except (OverflowError, ValueError, OSError):
        return "The timestamp of the signature is no real moment."
    if abs(now - sent) > tolerance:
        return (
            f"The message was signed at {sent:%Y-%m-%dT%H:%M:%SZ}, which is more than {tolerance.total_seconds():.0f} s "
            "from now: it is a repetition, or a clock is wrong."
        )
    return ""
