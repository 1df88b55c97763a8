# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy that changes while the runner works: what is good counts from then on, what is not changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import all_events, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving
    from breakglass.timeline import Event


@pytest.fixture
def site() -> Iterator[Site]:
    """An installation whose policy lies in a git checkout, and whose trigger observes."""
    with Site() as site:
        site.change_policy(lambda trigger: trigger.pop("mode"))
        git = ("git", "-C", str(site.place.directory), "-c", "user.name=test", "-c", "user.email=test@example.com")
        for command in (("init", "-q"), ("add", "breakglass.yml"), ("commit", "-q", "-m", "observe")):
            subprocess.run([*git, *command], check=True)
        site.commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
        yield site


def reload(runner: Serving, site: Site, kind: str, count: int = 1) -> Event:
    """Have the runner read its policy, and wait for what it records."""
    os.kill(runner.pid, signal.SIGHUP)

    def recorded() -> list[Event]:
        return [event for event in all_events(site) if event.kind == kind]

    wait_until(lambda: len(recorded()) == count, 20, lambda: site.log.read_text(encoding="utf-8")[-1500:])
    return recorded()[-1]


def alert_of(site: Site, group: str, since: timedelta = timedelta(minutes=2)) -> dict[str, object]:
    return {**site.alert(fingerprint=group, since=since), "groupKey": group}


@pytest.mark.timeout(300)
def test_a_changed_policy_counts_from_then_on(site: Site) -> None:
    """What began under the old policy ends under it; a refused policy changes nothing; a good one is in force, and recorded."""
    with site.runner() as runner:
        young = site.post(runner.url, alert_of(site, "young", since=timedelta(0)))
        site.wait_for(young, "limits.waiting")
        good = site.place.policy.read_text(encoding="utf-8")

        site.place.policy.write_text(good.replace("access: web-operator", "access: nobody", 1), encoding="utf-8")
        refused = reload(runner, site, "policy.refused")
        assert "breakglass.yml:" in str(refused.body["why"])
        assert "nobody" in str(refused.body["why"])
        wait_until(
            lambda: any("PolicyRefused" in one.title for one in site.channel.messages), 20, lambda: str(site.states())
        )
        observed = site.post(runner.url, alert_of(site, "still observed"))
        assert site.wait_for(observed, "incident.closed")[0].body["result"] == "observed"
        (opened,) = site.wait_for(observed, "incident.opened")
        assert opened.body["policy_commit"] == site.commit

        site.place.policy.write_text(good, encoding="utf-8")
        site.change_policy(lambda trigger: trigger.update(mode="act"))
        loaded = reload(runner, site, "policy.loaded")
        assert loaded.body["policy_digest"] != opened.body["policy_digest"]
        site.service.kill()
        acted = site.post(runner.url, alert_of(site, "acted on"))
        site.wait_for(acted, "grant.revoked")
        assert site.service_answers()
        assert site.wait_for(acted, "incident.opened")[0].body["policy_digest"] == loaded.body["policy_digest"]
        site.post(runner.url, resolved(site, "acted on"))
        site.wait_for(acted, "incident.closed")
        site.post(runner.url, resolved(site, "young", since=timedelta(0)))
        closed = site.wait_for(young, "incident.closed")[0]
        assert closed.body["result"] == "resolved-by-itself"
        kinds = [event.kind for event in site.events(young)]
        assert "grant.intent" not in kinds, "it began under a policy that only observes"
    assert site.verify().exit_code == 0


def resolved(site: Site, group: str, since: timedelta = timedelta(minutes=2)) -> dict[str, object]:
    return {**site.alert("resolved", fingerprint=group, since=since), "groupKey": group}


@pytest.mark.timeout(300)
def test_no_alert_is_lost_while_policies_change(site: Site) -> None:
    """Alerts that come in while the policy is read again and again are all taken in, each under one policy as a whole."""
    with site.runner() as runner:
        incidents = []
        for number in range(30):
            os.kill(runner.pid, signal.SIGHUP)
            incidents.append(site.post(runner.url, alert_of(site, f"alert {number}")))
        assert all(incidents)
        assert len(set(incidents)) == len(incidents)
        for incident in incidents:
            site.wait_for(incident, "incident.closed")
