# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations are one whole number and one unit, and nothing else is taken for one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.duration import UnreadableDuration, duration
from hypothesis import given
from hypothesis import strategies as st


@given(number=st.integers(1, 9_999_999), unit=st.sampled_from("smhd"))
def test_a_number_with_a_unit_is_that_long(number: int, unit: str) -> None:
    """Seconds, minutes, hours and days count as they do everywhere."""
    assert duration(f"{number}{unit}") == number * duration(f"1{unit}")
    assert duration("1d") == 24 * duration("1h") == timedelta(days=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "0s",
        "-5m",
        "+5m",
        "1.5h",
        "5 m",
        " 5m",
        "5m\n",
        "5M",
        "\u0665m",
        "1h30m",
        "99999999s",
        "1e3s",
        "5mm",
    ],
)
def test_what_is_no_duration_is_refused_with_the_form(text: str) -> None:
    """The refusal shows how a duration is written, and does not repeat the text."""
    with pytest.raises(UnreadableDuration, match="as 90s, 10m, 2h or 1d"):
        duration(text)
