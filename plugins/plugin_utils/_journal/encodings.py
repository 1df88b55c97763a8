# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms that a secret travels in: as it is, quoted, URL-encoded, in hexadecimal, inside base64."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST = 6
_BITS = 6
_PERCENT = re.compile(r"%[0-9A-F]{2}")


def forms(secret: str) -> Iterator[str]:
    """Yield every form of a secret that is looked for; its text is well-formed Unicode."""
    yield secret
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield quote(encoded, safe="")
        yield _PERCENT.sub(lambda match: match[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(json.dumps(secret))[3:-3]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield secret.replace("'", "''")
    yield secret.replace("'", "'\"'\"'")
    yield secret.encode().hex()
    yield secret.encode().hex().upper()
    yield from base64_cores(secret.encode())


def base64_cores(secret: bytes) -> Iterator[str]:
    """Yield what of a secret is the same in every base64 text that contains it, for each of its three alignments.

    The first and last characters, which mix with neighbouring bytes, are left out; cores of fewer than six characters
    would mask innocent text and are not yielded. Both alphabets (RFC 4648, sections 4 and 5).
    """
    for offset in range(3):
        start = -(-offset * 8 // _BITS)
        end = (offset + len(secret)) * 8 // _BITS
        if end - start < _SHORTEST:
            continue
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(offset) + secret)[start:end].decode()
