# SPDX-License-Identifier: GPL-3.0-or-later
"""`mode: observe`: what would have run is journalled, and nothing is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation whose only trigger leaves out its mode, which means that it observes."""
    with Site() as site:
        site.change_policy(lambda trigger: trigger.pop("mode"))
        yield site


@pytest.fixture(scope="module")
def runner(site: Site) -> Iterator[Serving]:
    """Start its runner."""
    with site.runner() as runner:
        yield runner


def alert_of(site: Site, group: str, since: timedelta = timedelta(minutes=2)) -> dict[str, object]:
    """A webhook of a group of its own, which opens an incident of its own."""
    return {**site.alert(fingerprint=group, since=since), "groupKey": group}


def story(site: Site, incident: str) -> list[str]:
    """The kinds of an incident's records, once it is closed."""
    site.wait_for(incident, "incident.closed")
    return [event.kind for event in site.events(incident)]


def test_observed_alert_starts_nothing(site: Site, runner: Serving) -> None:
    """An alert that would have been repaired closes as observed: no grant, no play, nobody is told, the fault stays."""
    site.service.kill()
    incident = site.post(runner.url, site.alert())

    assert story(site, incident) == ["incident.opened", "alert.firing", "limits.passed", "observed", "incident.closed"]
    (observed,) = site.wait_for(incident, "observed")
    assert observed.body == {"would_have_run": "breakglass.remediation.restart_service", "hosts": ["web1"]}
    assert site.wait_for(incident, "incident.closed")[0].body["result"] == "observed"
    assert site.channel.messages == ()
    assert not site.service_answers()
    told = [line for line in site.log.read_text(encoding="utf-8").splitlines() if "First message from" in line]
    assert [line.partition(": ")[2] for line in told] == [
        (
            "First message from alertmanager since the start: 1 alerts, 1 matched. What becomes of the last one, and why: "
            "breakglass policy explain --last"
        )
    ]


def test_observed_alert_passes_the_same_limits(site: Site, runner: Serving) -> None:
    """A young alert waits in observe mode too, until an alert of its group joins that has fired for long enough."""
    incident = site.post(runner.url, alert_of(site, "young", since=timedelta()))
    (waiting,) = site.wait_for(incident, "limits.waiting")

    assert waiting.body["why"] == "the alert must fire for 60 s first"
    assert site.states()[incident] == "waiting"
    assert site.post(runner.url, {**alert_of(site, "old"), "groupKey": "young"}) == incident
    assert story(site, incident)[-3:] == ["limits.passed", "observed", "incident.closed"]


def test_unknown_host_wakes_nobody(site: Site, runner: Serving) -> None:
    """What would have been refused is journalled as that, and nobody is woken for it."""
    incident = site.post(runner.url, site.alert(labels={"instance": "web9"}, fingerprint="unknown"))

    assert story(site, incident) == ["incident.opened", "alert.firing", "alert.refused", "observed", "incident.closed"]
    (observed,) = site.wait_for(incident, "observed")
    assert str(observed.body["would_not_have_run"]).startswith("unknown-host: 'web9' is not a host of the inventory")
    assert site.channel.messages == ()


def test_observing_claims_no_host(site: Site, runner: Serving) -> None:
    """Observed alerts leave no claim, no cooldown and no count behind: the fifth is observed like the first."""
    incidents = [site.post(runner.url, alert_of(site, f"again-{number}")) for number in range(5)]

    assert len(set(incidents)) == len(incidents)
    for incident in incidents:
        assert story(site, incident)[-3:] == ["limits.passed", "observed", "incident.closed"]
