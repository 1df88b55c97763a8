# SPDX-License-Identifier: GPL-3.0-or-later
"""What the crash trials call "run twice"."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.support.starts import done_twice


def events(*words: str) -> list[SimpleNamespace]:
    """`begun`, an outcome, and `gone` for the grant."""
    kinds = {"begun": "play.intent", "gone": "grant.revoked"}
    return [
        SimpleNamespace(kind=kinds[word], body={}) if word in kinds else SimpleNamespace(kind="play.ended", body={"outcome": word})
        for word in words
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("starts", "story", "why"),
    [
        (0, "begun unknown gone", ""),
        (1, "begun ok gone", ""),
        (2, "begun failed gone begun ok gone", ""),
        (1, "begun unknown gone begun ok gone", ""),
        (2, "begun ok gone", "2 starts in 1 attempts"),
        (2, "begun begun ok gone failed gone", "attempt 2 began before attempt 1 was over"),
        (2, "begun failed begun gone ok gone", "attempt 2 began before attempt 1 was over"),
        (2, "begun unknown gone begun ok gone", "attempt 2 began after one that ended as unknown"),
    ],
)
def test_a_further_start_is_right_only_after_an_end_that_was_seen(starts: int, story: str, why: str) -> None:
    assert done_twice(starts, events(*story.split()), idempotent=False) == why  # type: ignore[arg-type]


def test_what_is_idempotent_may_be_begun_again_once_it_is_over() -> None:
    """Whatever became of it; not beside it."""
    again, beside = (
        events(*["begun", "unknown", "gone", "begun", "ok", "gone"]),
        events(*["begun", "begun", "unknown", "gone", "ok", "gone"]),
    )
    assert done_twice(2, again, idempotent=True) == ""  # type: ignore[arg-type]
    assert done_twice(2, beside, idempotent=True)  # type: ignore[arg-type]
