# SPDX-License-Identifier: GPL-3.0-or-later
"""A duty goes on whatever becomes of one time, says what troubles it, and is left to the runner whose it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.repeating import Repeating

if TYPE_CHECKING:
    import pytest

PATIENCE = 20


class Duty:
    """Looks as it is told to, and says when it has looked so often."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.over = threading.Event()

    def look(self) -> None:
        end = self.ends.pop(0) if self.ends else None
        if not self.ends:
            self.over.set()
        if end is not None:
            raise end


def turn(duty: Duty) -> Repeating:
    """The duty after its last look."""
    repeating = Repeating("the duty", duty.look, 0.001, lambda: True)
    repeating.start()
    assert duty.over.wait(PATIENCE)
    repeating.stop()
    return repeating


def test_what_failed_is_done_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same trouble twice is one line of the log, and over with the first look that ends well."""
    trouble = BreakglassError("the database is away")
    assert turn(Duty(None, trouble, trouble, None, None)).trouble == ""
    assert [record.message for record in caplog.records] == ["the duty: the database is away"]


def test_a_fault_of_ours_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log with its place, and the duty goes on."""
    turn(Duty(ZeroDivisionError(), None))
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "the duty" in record.message


def test_of_several_runners_one_looks() -> None:
    """The others leave it, until it is theirs."""
    duty = Duty(None)
    asked: list[bool] = []

    def ours() -> bool:
        """The third time it is."""
        asked.append(duty.over.is_set())
        return len(asked) > 2

    repeating = Repeating("the duty", duty.look, 0.001, ours)
    repeating.start()
    assert duty.over.wait(PATIENCE)
    repeating.stop()
    assert asked[:3] == [False, False, False]


def test_one_that_never_began_stops_at_once() -> None:
    """As when a runner's start is broken off."""
    Repeating("the duty", lambda: None, 1, lambda: True).stop()
