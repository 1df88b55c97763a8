# SPDX-License-Identifier: GPL-3.0-or-later
"""What the crash trials call "run twice"."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.support.starts import done_twice


def _events(*ends: str) -> list[SimpleNamespace]:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    told = [pair for end in ends for pair in (("play.intent", {}), ("play.ended", {"outcome": end}))]
    return [SimpleNamespace(kind=kind, body=body, at=at) for kind, body in told]


@pytest.mark.parametrize(
    ("starts", "ends", "why"),
    [
        (0, ["unknown"], ""),
        (1, ["ok"], ""),
        (2, ["failed", "ok"], ""),
        (1, ["unknown", "ok"], ""),
        (2, ["ok"], "2 starts in 1 attempts"),
        (2, ["unknown", "ok"], "another start after an attempt that ended as ['unknown']"),
    ],
)
def test_a_further_start_is_right_only_after_an_end_that_was_seen(starts: int, ends: list[str], why: str) -> None:
    assert done_twice(starts, _events(*ends)) == why  # type: ignore[arg-type]
