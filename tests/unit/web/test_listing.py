# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of lists: nothing is skipped, nothing comes twice, whatever comes and goes between two of them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass.web.listing import Paging, cursor, part, read_cursor
from breakglass.web.problems import Problem

LISTS = st.lists(st.tuples(st.integers(-5, 5), st.text(max_size=3)), unique=True)


def key(item: tuple[int, str]) -> tuple[int, str]:
    """What the lists are sorted by."""
    return item


@given(LISTS, st.integers(1, 7))
def test_the_pages_are_the_list(items: list[tuple[int, str]], limit: int) -> None:
    """In its order, each item once."""
    seen: list[tuple[int, str]] = []
    following: str | None = ""
    while following is not None:
        page, following = part(Paging(limit=limit, after=following), items, key)
        assert len(page) <= limit
        seen += page
    assert seen == sorted(items)


@given(LISTS, LISTS, st.integers(1, 7))
def test_what_comes_and_goes_in_between_changes_nothing_else(
    before: list[tuple[int, str]], after: list[tuple[int, str]], limit: int
) -> None:
    """What was there all the time is seen once."""
    seen, following = part(Paging(limit=limit), before, key)
    while following is not None:
        page, following = part(Paging(limit=limit, after=following), after, key)
        seen += page
    assert len(set(seen)) == len(seen)
    if len(before) > limit:
        assert set(before) & set(after) <= set(seen)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "!!!!",
        "é",
        "[]",
        cursor((1, "a")) + "=",
        cursor((1, "a"))[:-1],
        base64.urlsafe_b64encode(b'{"a": 1}').decode(),
        base64.urlsafe_b64encode(b"[[1]]").decode(),
        base64.urlsafe_b64encode(b"[true]").decode().rstrip("="),
        base64.urlsafe_b64encode(b"[" * 700).decode(),
        cursor(("a", 1)),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """With 400, also the cursor of another list."""
    with pytest.raises(Problem, match="no cursor of this list") as refused:
        part(Paging(after=text), [(1, "a")], key)
    assert refused.value.status == 400


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=4))
def test_a_cursor_is_read_as_it_was_written(parts: list[int | str]) -> None:
    """Whatever characters the key has."""
    assert read_cursor(cursor(tuple(parts))) == tuple(parts)
