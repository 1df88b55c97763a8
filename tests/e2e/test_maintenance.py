# SPDX-License-Identifier: GPL-3.0-or-later
"""A maintenance window with a real runner: nothing begins in it, and what still fires at its end is repaired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import yaml
from tests.support.site import Site
from tests.support.traces import wait_until

ROOM_SECONDS = 60
"""From the beginning of the test to the window's end: for the start of the runner, and for what must happen in the window."""


def open_window(site: Site) -> datetime:
    """Have a window open now, and over soon; returns its end."""
    now = datetime.now(UTC)
    begins = now.replace(second=0, microsecond=0)
    lasts = now.second + ROOM_SECONDS
    policy = yaml.load(site.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
    policy["triggers"][0]["limits"] = {"firing_for": "0s"}
    policy["maintenance"] = [
        {"name": "patching", "hosts": ["web"], "every": "day", "at": f"{begins:%H:%M}", "lasts": f"{lasts}s", "timezone": "UTC"}
    ]  # fmt: skip
    site.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    return begins + timedelta(seconds=lasts)


def test_a_window_is_kept_and_what_still_fires_then_is_repaired() -> None:
    """Of two faults in the window, one is gone at its end and the other is repaired then; nobody is woken."""
    with Site() as site:
        site.service.kill()
        end = open_window(site)
        with site.runner() as runner:
            still = site.post(runner.url, site.alert())
            gone = site.post(runner.url, {**site.alert(fingerprint="other"), "groupKey": "other"})
            for incident in (still, gone):
                (waiting,) = site.wait_for(incident, "limits.waiting")
                assert str(waiting.body["why"]).startswith("in maintenance window patching until ")
                assert site.states()[incident] == "waiting"
            assert datetime.now(UTC) < end, "this machine was too slow for the test to mean anything"
            site.post(runner.url, {**site.alert("resolved", fingerprint="other"), "groupKey": "other"})
            (observed,) = site.wait_for(gone, "observed")
            assert observed.body["maintenance"] == "patching"
            assert site.wait_for(gone, "incident.closed")[0].body["result"] == "observed"

            (asked,) = site.wait_for(still, "grant.intent", 2 * ROOM_SECONDS)
            assert asked.at >= end
            site.wait_for(still, "grant.revoked")
            site.post(runner.url, site.alert("resolved"))
            assert site.wait_for(still, "incident.closed")[0].body["result"] == "repaired"
        assert site.service_answers()
        assert site.channel.messages == ()
        wait_until(lambda: site.verify().exit_code == 0, 60, "the journal does not verify")
