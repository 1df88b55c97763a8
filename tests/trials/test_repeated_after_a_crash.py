# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner dies between the deed and its answer: who repeats the call with its key gets the same, and nothing is done twice."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY, WISH, withdraw
from tests.e2e.test_repeated_calls import asked, post
from tests.support.crash_site import CrashRunner
from tests.support.office import Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One whose runner dies where the file `armed` says."""
    with open_office(POLICY, hand_out=True) as made:
        made.runner.stop()
        options = ("--armed", str(made.site.scratch / "armed"))
        with CrashRunner(made.site.place.settings, made.site.log, options) as runner:
            yield replace(made, runner=runner)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_request_is_made_once(office: Office, side: str) -> None:
    """Killed before or after it was durable, it is there once, under the id that the repeated call is told."""
    ada, key = office.hire(f"ada-{side}", "web-team", factor=False), str(uuid.uuid4())
    armed = office.site.scratch / "armed"
    armed.write_text(json.dumps({"point": "accept", "side": side, "nth": 1}), encoding="utf-8")
    with pytest.raises(OSError, match=r"closed|reset|Remote"):
        post(office, "/requests", ada, WISH, key)
    office.runner.kill()
    office.runner.start()
    there = asked(office, ada)
    assert len(there) == (side == "after")
    status, made, again = post(office, "/requests", ada, WISH, key)
    assert (status, again) == (202, False), made
    assert asked(office, ada) == [made["request"]]
    assert there in ([], [made["request"]])
    assert post(office, "/requests", ada, WISH, key) == (202, made, True)
    withdraw(office, str(made["request"]), ada)
