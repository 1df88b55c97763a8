# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as JSON lines (https://jsonlines.org), each exactly as its stream has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..parcel import Parcel


def json_lines(parcels: Sequence[Parcel]) -> bytes:
    """Return one line for each record; a checkpoint comes as a record of kind `journal.checkpoint`."""
    return b"".join(parcel.line + b"\n" for parcel in parcels)
