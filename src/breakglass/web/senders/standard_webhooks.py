# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard Webhooks: HMAC-SHA256 over id, timestamp and body. Source: https://github.com/standard-webhooks/standard-webhooks."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from breakglass.secret_files import UnreadableSecret

from .signatures import WRONG, is_signed, keys, staleness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from breakglass.settings_sources import HmacSettings

_PREFIX = b"whsec_"
_SHORTEST, _LONGEST = 24, 64


def refusal(headers: Mapping[str, str], body: bytes, settings: HmacSettings, now: datetime) -> str:
    """Why the signature does not prove it; empty if it does."""
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    content = f"{name}.{timestamp}.".encode() + body
    given = headers.get("webhook-signature", "").split()
    signatures = [_decoded(one.removeprefix("v1,")) for one in given if one.startswith("v1,")]
    if not name or not is_signed(content, signatures, _secrets(settings.secret_files)):
        return WRONG
    return staleness(timestamp, now, settings.oldest)


def _secrets(files: Sequence[Path]) -> Iterator[bytes]:
    for path, secret in zip(files, keys(files), strict=True):
        key = _decoded(secret.removeprefix(_PREFIX).decode())
        if not secret.startswith(_PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
            raise UnreadableSecret(f"{path} holds no webhook secret: whsec_ and 24 to 64 bytes in base64.")
        yield key


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
