# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner is killed in the middle of a session: nothing stays on the host, and the next start has it right."""

from __future__ import annotations

import time

import pytest
from tests.support.session_site import granted, processes_with, session_office, terminal

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 40


def test_a_runner_that_is_killed_leaves_nothing_on_the_host() -> None:
    """The keeper hears the line close; after the restart the grant is proven gone, and people are told what nobody saw."""
    with session_office() as (office, _host):
        ada = office.hire("ada", "web-team")
        request = granted(office, ada)
        with terminal(office, ada, request) as session:
            session.type("trap '' HUP TERM; setsid env -i /bin/sleep 60100 & echo ready-$((40 + 2))\n")
            session.wait_for("ready-42")
            assert processes_with("60100")
            office.runner.kill()
            until = time.monotonic() + LIMIT_SECONDS
            while processes_with("60100"):
                assert time.monotonic() < until
                time.sleep(0.1)
        assert [*(office.site.scratch / "runs").glob("run-*/credentials/*/id")] == []
        office.runner.start()
        revoked = office.site.wait_for(request, "grant.revoked")[0].body
        assert revoked["proven"] is True
        assert "the grant was lent" in str(office.site.wait_for(request, "escalation.begun")[0].body["why"])
        assert office.call("DELETE", f"/requests/{request}", ada)[0] == 204
        assert office.site.wait_for(request, "incident.closed")[0].body["result"] == "unknown"
        assert office.site.verify().exit_code == 0
