# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from breakglass.doctor.checks.clock import surely_off

MOMENTS = st.floats(1.7e9, 1.9e9)
SECONDS = st.floats(0, 5)


@given(begin=MOMENTS, until_read=SECONDS, until_end=SECONDS, offset=st.floats(-100, 100))
def test_no_clock_is_accused_wrongly(begin: float, until_read: float, until_end: float, offset: float) -> None:
    """Whenever Vault read its clock during the request, what is called surely off is never more than it is off."""
    theirs = math.floor(begin + until_read + offset)
    assert surely_off(begin, theirs, begin + until_read + until_end) <= abs(offset) + 0.001


@given(begin=MOMENTS, offset=st.floats(-100, 100))
def test_a_clock_that_is_off_is_found(begin: float, offset: float) -> None:
    """With a quick answer it is found but for the second that Vault does not tell."""
    theirs = math.floor(begin + offset)
    assert surely_off(begin, theirs, begin) >= abs(offset) - 1.001
