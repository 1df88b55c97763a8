# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from breakglass.doctor.findings import Finding, exit_code, ok, unknown, wrong

OK, WRONG, UNKNOWN = ok("a", "is well"), wrong("b", "is not"), unknown("c", "nobody knows")


@pytest.mark.parametrize(
    ("findings", "code"),
    [([], 0), ([OK, OK], 0), ([OK, UNKNOWN], 2), ([WRONG, OK], 1), ([UNKNOWN, WRONG, OK], 1)],
)
def test_the_exit_code(findings: list[Finding], code: int) -> None:
    """Something wrong counts before something unknown, and both before all that is well."""
    assert exit_code(findings) == code
