# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of shipping: what a sink does not take, in the stream of dead letters."""

from __future__ import annotations

from .shapes import COUNT, TEXT, Kind, Shape

_PLACE: dict[str, Shape] = {"sink": TEXT, "why": TEXT, "stream": TEXT, "seq": COUNT}

SHIPPING: dict[str, Kind] = {
    "ship.refused": Kind("A sink does not take a record.", {**_PLACE, "record": TEXT}),
    "ship.unreadable": Kind("Nothing can be shipped from a place of a stream.", _PLACE),
}
