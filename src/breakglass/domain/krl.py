# SPDX-License-Identifier: GPL-3.0-or-later
"""Key revocation lists of OpenSSH, of certificates by their key ids, whichever CA has signed them (PROTOCOL.krl of OpenSSH)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MEDIA: Final = "application/octet-stream"
_MAGIC: Final = b"SSHKRL\n\0"
_FORMAT: Final = 1
_CERTIFICATES: Final = 1
_KEY_IDS: Final = 0x23


def revocation_list(version: int, at: datetime, key_ids: Iterable[str]) -> bytes:
    """The list, in the binary form that sshd reads.

    Args:
        version: Grows from list to list.
        at: When it was made.
        key_ids: Of certificates; none for a list that revokes nothing.
    """
    header = struct.pack(">8sIQQQ", _MAGIC, _FORMAT, version, int(at.timestamp()), 0) + _text(b"") + _text(b"")
    ids = b"".join(_text(key_id.encode()) for key_id in sorted(set(key_ids)))
    if not ids:
        return header
    any_authority, reserved = _text(b""), _text(b"")
    return header + _section(_CERTIFICATES, any_authority + reserved + _section(_KEY_IDS, ids))


def _section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _text(body)


def _text(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text
