# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output as JSON lines: what a container's platform collects."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._lines import json_lines
from ._sink import Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..options import Options
    from ..parcel import Parcel

_STDOUT = 1


@dataclass(frozen=True)
class StdoutSink:
    """Acknowledges when the system has taken the lines."""

    most: int = 200
    is_remote: bool = False

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Write the records' lines; raises Unacknowledged where nobody would read them."""
        lines = memoryview(json_lines(parcels))
        try:
            if os.path.samestat(os.fstat(_STDOUT), Path(os.devnull).stat()):
                raise Unacknowledged(
                    "Standard output is /dev/null: use another kind of sink for a shipper in background."
                )
            while lines:
                lines = lines[os.write(_STDOUT, lines) :]
        except OSError as error:
            raise Unacknowledged(f"Standard output can't be written: {error.strerror}.") from None
        return len(parcels)

    def close(self) -> None:
        """Standard output stays open."""


def make(options: Options) -> StdoutSink:
    """Take no options."""
    del options
    return StdoutSink()
