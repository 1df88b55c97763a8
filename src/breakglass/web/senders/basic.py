# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's name and password (RFC 7617)."""

from __future__ import annotations

import hmac
from base64 import b64decode
from typing import TYPE_CHECKING

from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from breakglass.settings_sources import BasicSettings


def refusal(header: str, wanted: BasicSettings) -> str:
    """Why the header `Authorization` does not prove it; empty if it does."""
    scheme, _, given = header.partition(" ")
    try:
        user, _, password = b64decode(given.strip(), validate=True).partition(b":")
    except ValueError:
        user, password = b"", b""
    is_user = hmac.compare_digest(user, wanted.user.encode())
    matches = [hmac.compare_digest(password, read_secret_file(path).encode()) for path in wanted.password_files]
    if scheme.lower() != "basic" or not is_user or not any(matches):
        return "The user or the password is missing or not this source's."
    return ""
