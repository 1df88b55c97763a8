# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner is killed while an extension is asked for, and after it has opened: nobody has more than was approved."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.session_site import processes_with, session_office, terminal

if TYPE_CHECKING:
    from tests.support.office import Member, Office

pytestmark = pytest.mark.slow

POLICY = """
approvals:
  dba:
    require: [{count: 1, from: [dba]}]
    notify: [on-call]
    within: 10m
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: dba, time_box: 10m, escalation: on-call}
"""
LIMIT_SECONDS = 40


def test_a_runner_that_is_killed_extends_nothing() -> None:
    """Before the yes: its first grant is over, so the yes that comes later opens nothing. After it: the extension is over, too."""
    with session_office(POLICY) as (office, _host):
        ada, ben = office.hire("ada", "web-team"), office.hire("ben", "dba")
        request = opened(office, ada, ben)
        with terminal(office, ada, request) as session:
            session.type("trap '' HUP TERM; setsid sleep 71100 & echo ready-$((40 + 2))\n")
            session.wait_for("ready-42")
            more = str(
                office.call("POST", f"/requests/{request}/extension", ada, {"time_box_seconds": 500})[1]["request"]
            )
            office.site.wait_for(more, "approval.asked")
            office.runner.kill()
            nothing_left("71100")
        office.runner.start()
        assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
        assert office.answer(more, ben)[0] == 202
        assert office.site.wait_for(more, "incident.closed")[0].body["result"] == "failed"
        assert "nothing to extend" in str(office.call("GET", f"/requests/{more}", ada)[1]["why"])
        assert not [event for event in office.site.events(more) if event.kind == "grant.minted"]
        assert office.call("DELETE", f"/requests/{request}", ada)[0] == 204
        office.site.wait_for(request, "incident.closed")

        request = opened(office, ada, ben)
        with terminal(office, ada, request) as session:
            session.type("trap '' HUP TERM; setsid sleep 71200 & echo ready-$((40 + 2))\n")
            session.wait_for("ready-42")
            more = str(
                office.call("POST", f"/requests/{request}/extension", ada, {"time_box_seconds": 500})[1]["request"]
            )
            office.site.wait_for(more, "approval.asked")
            assert office.answer(more, ben)[0] == 202
            session.wait_for_notice(f"extended by {more}")
            office.runner.kill()
            nothing_left("71200")
        office.runner.start()
        for one in (request, more):
            assert office.site.wait_for(one, "grant.revoked")[0].body["proven"] is True
        assert office.call("DELETE", f"/requests/{request}", ada)[0] == 204
        assert office.site.wait_for(more, "incident.closed")[0].body["result"] == "unknown"
        office.site.wait_for(request, "incident.closed")
        assert office.site.verify().exit_code == 0


def nothing_left(word: str) -> None:
    """Soon nothing of the session runs any more."""
    until = time.monotonic() + LIMIT_SECONDS
    while processes_with(word):
        assert time.monotonic() < until
        time.sleep(0.1)


def opened(office: Office, ada: Member, ben: Member) -> str:
    """An approved request of hers that is open."""
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "locks on orders", "time_box_seconds": 300}
    request = str(office.call("POST", "/requests", ada, wish)[1]["request"])
    office.site.wait_for(request, "approval.asked")
    assert office.answer(request, ben)[0] == 202
    office.site.wait_for(request, "play.intent")
    return request
