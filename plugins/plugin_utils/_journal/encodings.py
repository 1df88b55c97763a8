# SPDX-License-Identifier: GPL-3.0-or-later
"""How a secret looks inside base64: its characters depend on where in the encoded bytes it begins."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST = 6
_BITS = 6


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
