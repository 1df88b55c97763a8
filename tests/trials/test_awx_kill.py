# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of AWX that is killed in the middle of a job: what nobody could close is over by itself."""

from __future__ import annotations

import pytest
from tests.integration.collection.operator_run import await_truth
from tests.support.awx.site import AwxSite

SHORT_LIFE_SECONDS = 120


@pytest.mark.timeout(300)
def test_the_grant_of_a_killed_container_is_gone_within_two_minutes() -> None:
    """Everything in it ends in one blow, the guard too: nobody renews the token any more, and Vault ends it."""
    with AwxSite() as site:
        site.service.kill()
        started = site.scratch / "started"
        with site.job({"restart_service_command": ["/bin/sh", "-c", f"touch {started}; sleep 200"]}) as job:
            job.start()
            await_truth(started.exists, 60)
            (opened,) = site.bodies("grant.opened")
            assert site.living(opened["accessor"]) is not None
            job.kill()
            job.wait()
        await_truth(lambda: site.living(opened["accessor"]) is None, SHORT_LIFE_SECONDS + 15)
        assert site.bodies("grant.revoked") == []
