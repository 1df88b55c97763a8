# SPDX-License-Identifier: GPL-3.0-or-later
"""Quorum: every line met, by different people, counted by who they are."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.incidents import MINUTE, NOW

from breakglass.domain.approvals import Quorum, Requirement, Vote, filled, is_met
from breakglass.domain.voting import still_needed


def quorum(*lines: tuple[int, str]) -> Quorum:
    """Lines of a count and groups, as in `1 dba,security`."""
    return Quorum(
        "q", tuple(Requirement(count, tuple(groups.split(","))) for count, groups in lines), ("chat",), MINUTE
    )


def vote(person: str, *groups: str, yes: bool = True, entity: str = "") -> Vote:
    return Vote(person, entity or f"e-{person}", person, groups, "digest", yes, "", NOW)


def test_each_line_needs_somebody_of_its_own() -> None:
    """One person in both groups is one person."""
    both = quorum((1, "dba"), (1, "security"))
    assert not is_met(both, [vote("ada", "dba", "security")])
    assert is_met(both, [vote("ada", "dba", "security"), vote("ben", "security")])
    assert is_met(both, [vote("ada", "dba", "security"), vote("ben", "dba")])


def test_a_person_with_two_entities_counts_once() -> None:
    """People are counted by the metadata that an admin sets."""
    two = quorum((2, "dba"))
    assert not is_met(two, [vote("ada", "dba", entity="e1"), vote("ada", "dba", entity="e2")])


def test_a_no_is_no_yes() -> None:
    """Only who said yes is counted."""
    assert not is_met(quorum((1, "dba")), [vote("ada", "dba", yes=False)])


def test_people_move_to_where_they_help() -> None:
    """Who came first takes the first line, and makes room when only the second needs them."""
    lines = quorum((1, "dba"), (1, "dba,security"))
    votes = [vote("ada", "dba", "security"), vote("ben", "security")]
    assert filled(lines, votes) == (1, 1)


def test_who_is_missing_is_said_in_words() -> None:
    """And to one who reads it, where a yes of theirs counts."""
    lines = quorum((2, "dba"), (1, "security,duty-manager"))
    votes = [vote("ada", "dba")]
    assert still_needed(lines, votes) == "1 of dba · 1 of security or duty-manager"
    yours = frozenset({"dba", "staff"})
    assert still_needed(lines, votes, yours) == "1 of dba (you count) · 1 of security or duty-manager"
    assert still_needed(lines, [*votes, vote("ben", "dba"), vote("cy", "security")], yours) == "nobody"


GROUPS = ("a", "b", "c")
QUORUMS = st.lists(
    st.tuples(st.integers(1, 2), st.sets(st.sampled_from(GROUPS), min_size=1)), min_size=1, max_size=2
).map(lambda lines: quorum(*((count, ",".join(sorted(groups))) for count, groups in lines)))
VOTES = st.lists(
    st.builds(lambda name, groups: vote(name, *groups), st.sampled_from("wxyz"), st.sets(st.sampled_from(GROUPS)))
)


@given(QUORUMS, VOTES)
def test_it_is_met_exactly_when_some_way_to_seat_people_exists(one: Quorum, votes: list[Vote]) -> None:
    """As trying every way says."""
    places = [line.groups for line in one.require for _ in range(line.count)]
    people = {each.person: set(each.groups) for each in votes}
    ways = permutations(people, len(places)) if len(places) <= len(people) else []
    assert is_met(one, votes) == any(
        all(people[person] & set(groups) for person, groups in zip(way, places, strict=True)) for way in ways
    )
