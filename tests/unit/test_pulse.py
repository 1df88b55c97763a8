# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from breakglass.pulse import Pulse


class Clock:
    """Says what it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_hangs_once_a_turn_takes_longer_than_it_may() -> None:
    """Up to its longest turn it is well, beyond it a sentence says who hangs, since when, and what to do; a turn ends that."""
    clock = Clock()
    pulse = Pulse("the dispatcher", 30.0, clock)
    pulse.turned()
    clock.now += 30.0
    assert pulse.hang() == ""
    clock.now += 1.4
    assert pulse.hang() == (
        "The runner hangs: the dispatcher has not turned for 31 s, and 30 s is the most that a turn takes. Restart it, "
        "unless systemd does; what it was doing goes on after the restart."
    )
    pulse.turned()
    assert pulse.hang() == ""


def test_a_loop_that_was_not_started_does_not_hang() -> None:
    """Who has not begun is late for nothing."""
    clock = Clock()
    pulse = Pulse("the dispatcher", 30.0, clock)
    clock.now += 1000.0
    assert pulse.hang() == ""
