# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns: one at a time, in the order in which they came, and nobody is lost when patience ends."""

from __future__ import annotations

import threading
import time

from tests.support.traces import wait_until

from breakglass.store.turns import Line, Turns

LONG = 30.0


def waiting(turns: Turns) -> int:
    """How many stand in line."""
    return sum(map(len, turns._waiting.values()))


def test_who_came_first_is_next() -> None:
    """However many wait, and though the one that had it asks again at once."""
    turns, served = Turns(), []
    assert turns.acquire(0)

    def work(number: int) -> None:
        assert turns.acquire(LONG)
        served.append(number)
        turns.release()

    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        wait_until(lambda expected=number + 1: waiting(turns) == expected, 10, "it does not wait")
    turns.release()
    assert turns.acquire(LONG)
    assert served == list(range(20))
    turns.release()
    for thread in threads:
        thread.join()


def test_each_line_has_every_second_turn() -> None:
    """However many work, what comes from outside waits for one of them at most; and however much comes, the work goes on."""
    turns, served, threads = Turns(), [], []
    assert turns.acquire(0)

    def work(line: Line) -> None:
        assert turns.acquire(LONG, line)
        served.append(line)
        turns.release()

    for number, line in enumerate([*[Line.WORK] * 4, *[Line.DOOR] * 2], 1):
        threads.append(threading.Thread(target=work, args=(line,)))
        threads[-1].start()
        wait_until(lambda expected=number: waiting(turns) == expected, 10, "it does not wait")
    turns.release()
    for thread in threads:
        thread.join()
    assert served == [Line.DOOR, Line.WORK, Line.DOOR, Line.WORK, Line.WORK, Line.WORK]


def test_patience_ends_and_the_turn_goes_on_to_the_next() -> None:
    """Who gave up takes no turn, and keeps none from others."""
    turns = Turns()
    assert turns.acquire(LONG)
    assert not turns.acquire(0)
    assert not turns.acquire(-1)
    assert not turns.acquire(0.05)
    assert waiting(turns) == 0
    turns.release()
    assert turns.acquire(0)
    turns.release()


def test_one_at_a_time_whoever_gives_up() -> None:
    """Many threads with little patience: never two at once, and the turn is free when all have gone."""
    turns, inside, most, taken = Turns(), 0, 0, 0
    until = time.monotonic() + 2

    def work() -> None:
        nonlocal inside, most, taken
        while time.monotonic() < until:
            if not turns.acquire(0.0005):
                continue
            inside += 1
            most = max(most, inside)
            time.sleep(0.0004)
            taken += 1
            inside -= 1
            turns.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert taken > 100
    assert waiting(turns) == 0
    assert turns.acquire(0)
