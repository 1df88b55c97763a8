# SPDX-License-Identifier: GPL-3.0-or-later
"""A bearer token (RFC 6750)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def refusal(header: str, files: Sequence[Path]) -> str:
    """Why the header `Authorization` does not prove it; empty if it does."""
    scheme, _, given = header.partition(" ")
    matches = [hmac.compare_digest(given.strip().encode(), read_secret_file(path).encode()) for path in files]
    if scheme.lower() != "bearer" or not any(matches):
        return "The bearer token is missing or not one of this source's tokens."
    return ""
