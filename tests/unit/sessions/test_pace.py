# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a session may fill the journal."""

from __future__ import annotations

from breakglass.sessions.pace import Pace


def test_a_burst_is_free_and_what_follows_is_held_up() -> None:
    """No faster than the rate, however long it goes on; silence fills the bucket, not beyond its size."""
    pace = Pace(burst=100, rate=10, _at=0.0)
    assert pace.delay(100, 0.0) == 0
    assert pace.delay(50, 0.0) == 5
    assert pace.delay(10, 5.0) == 1
    assert pace.delay(100, 1000.0) == 0
    assert pace.delay(10, 1000.0) == 1
