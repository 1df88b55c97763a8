# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records are wanted."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.incidents import DAY, HOUR, NOW, SECOND

from breakglass.selection import Period, Selection, UnreadableMoment, moment_of, period_of
from breakglass.timeline import Event

RESULT = Event(NOW, "task.result", {"host": "web1", "msg": {"text": "No Answer", "size": 900}}, "play-1")


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(), True),
        (Selection(hosts=frozenset({"web1", "db1"})), True),
        (Selection(hosts=frozenset({"web"})), False),
        (Selection(kinds=frozenset({"task.result"})), True),
        (Selection(kinds=frozenset({"task"})), True),
        (Selection(kinds=frozenset({"grant", "result"})), False),
        (Selection(text="no answer"), True),
        (Selection(text="RESTART"), True),
        (Selection(text="gone"), False),
        (Selection(Period(NOW, NOW + SECOND)), True),
        (Selection(Period(NOW + SECOND, None)), False),
        (Selection(Period(None, NOW)), False),
    ],
)
def test_what_is_wanted(selection: Selection, wanted: bool) -> None:  # noqa: FBT001
    """A record is wanted when time, host, kind and text all fit; text is looked for in its line, too."""
    assert selection.takes(RESULT, "restart_service : Restart ... FAILED") is wanted


@pytest.mark.parametrize(
    "body",
    [
        {"hosts": ["web1"]},
        {"hosts": {"web1": {"ok": 1}}},
        {"principals": ["web1"]},
        {"facts": {"principals": ["web1"]}},
    ],
)
def test_record_about_several_hosts(body: dict[str, object]) -> None:
    """A record that names a host among others is about it."""
    assert Selection(hosts=frozenset({"web1"})).takes(Event(NOW, "plan.made", body, "runner"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T03:00", datetime(2026, 11, 22, 3, tzinfo=UTC)),
        ("2026-11-22T03:00:00+01:00", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22T03:00:00Z", datetime(2026, 11, 22, 3, tzinfo=UTC)),
        ("7d", NOW - 7 * DAY),
        ("2h", NOW - 2 * HOUR),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    """A moment is a day, a time (UTC unless it says otherwise), or how long ago."""
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "-7d", "9999999d", "2026-13-01", "0001-01-01T00:00+23:59", "\x1b[2J"])
def test_what_is_no_moment(text: str) -> None:
    """Anything else is refused in a sentence that is safe to look at."""
    with pytest.raises(UnreadableMoment, match="is not a moment") as refused:
        moment_of(text, NOW)
    assert str(refused.value).isprintable()


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    """No text ends in another error."""
    with suppress(UnreadableMoment):
        assert moment_of(text, NOW).tzinfo is UTC


def test_period_in_words() -> None:
    """A period says its ends; one that is open says so."""
    assert str(period_of("2026-11-01", None, NOW)) == "from 2026-11-01 00:00:00 UTC to now"
    assert str(period_of(None, "2026-12-01", NOW)) == "from the beginning to 2026-12-01 00:00:00 UTC"
