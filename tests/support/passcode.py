# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that a person's device would show (TOTP, RFC 6238: SHA-1, as many digits as the address says)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32decode
from urllib.parse import parse_qs, urlsplit

PERIOD_SECONDS = 30


def passcode(otpauth_url: str, at: float, steps: int = 0) -> str:
    """Return the code for a moment (seconds since 1970), or that many steps later."""
    asked = parse_qs(urlsplit(otpauth_url).query)
    secret, digits = asked["secret"][0], int(asked.get("digits", ["6"])[0])
    key = b32decode(secret + "=" * (-len(secret) % 8))
    counter = int(at // PERIOD_SECONDS) + steps
    digest = hmac.digest(key, counter.to_bytes(8), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF) % 10**digits:0{digits}d}"
