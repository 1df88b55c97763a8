# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody may call: so often at once, so often for ever, each for themselves; and memory stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.web import pace
from breakglass.web.pace import READS, WRITES, Buckets, Pace, Rate, site_of
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    """Three at once, then one every two seconds; who waits long has three again and not more."""
    clock = Clock()
    buckets = Buckets(Rate(3, 0.5), clock)
    assert [buckets.take("ada") for _ in range(4)] == [0, 0, 0, pytest.approx(2)]
    clock.now += 1
    assert buckets.take("ada") == pytest.approx(1)
    clock.now += 1
    assert [buckets.take("ada"), buckets.take("ada")] == [0, pytest.approx(2)]
    clock.now += 10_000
    assert [buckets.take("ada") > 0 for _ in range(4)] == [False, False, False, True]
    assert buckets.take("ben") == 0


def test_looking_takes_nothing() -> None:
    """It is told whether the next one is held back."""
    buckets = Buckets(Rate(2, 1), Clock())
    looks = []
    for _ in range(3):
        looks.append(buckets.is_empty("ada"))
        buckets.take("ada")
    assert looks == [False, False, True]


@given(st.lists(st.floats(0, 20), max_size=60), st.integers(1, 5), st.sampled_from([0.5, 1.0, 4.0]))
def test_nobody_gets_more_than_the_rate(pauses: list[float], at_once: int, per_second: float) -> None:
    """Whenever they call, over any time; and who waits as long as they are told gets through."""
    clock = Clock()
    buckets = Buckets(Rate(at_once, per_second), clock)
    taken: list[float] = []
    for pause in pauses:
        clock.now += pause
        if not (missing := buckets.take("ada")):
            taken.append(clock.now)
        else:
            assert 0 < missing <= 1 / per_second + 1e-6
    for number, begin in enumerate(taken):
        for further, end in enumerate(taken[number:], start=1):
            assert further <= at_once + (end - begin) * per_second + 1e-6


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not called for longest is forgotten first."""
    monkeypatch.setattr(pace, "MOST_NAMES", 3)
    buckets = Buckets(Rate(1, 0.001), Clock())
    for name in ("a", "b", "c"):
        buckets.take(name)
    assert buckets.take("a") > 0
    buckets.take("d")
    assert (len(buckets), buckets.take("c") > 0, buckets.take("d") > 0) == (3, True, True)


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (lambda of: of.read("e-ada"), "ask more often"),
        (lambda of: of.write("e-ada"), "have more done"),
        (lambda of: of.guess("192.0.2.1"), "without a valid token"),
    ],
)
def test_what_comes_too_often_is_held_back_and_counted(take: Callable[[Pace], None], words: str) -> None:
    """With 429, and when to come again; each kind for itself."""
    counted: list[str] = []
    clock = Clock()
    small = Rate(2, 0.4)
    of = Pace(counted.append, *(Buckets(small, clock) for _ in range(3)))
    take(of)
    take(of)
    with pytest.raises(Problem, match=words) as refused:
        take(of)
    assert (refused.value.status, refused.value.retry_after, len(counted)) == (429, 3, 1)
    of.read("e-ben")
    of.write("e-ben")
    of.guess("192.0.2.2")


def test_reads_are_many_more_than_writes() -> None:
    """A terminal that waits asks once a second, and several of them may."""
    assert READS.per_second >= 10 * WRITES.per_second >= 10


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("a name", "a name"),
    ],
)
def test_an_ipv6_network_is_one_place(address: str, site: str) -> None:
    """Whoever has one has 2⁶⁴ addresses."""
    assert site_of(address) == site
