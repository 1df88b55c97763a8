# SPDX-License-Identifier: GPL-3.0-or-later
"""An alert that resolves before anything was done, with a real Prometheus: is its target still there?"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.prometheus import INSTALLED, Prometheus
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving

pytestmark = pytest.mark.skipif(INSTALLED is None, reason="needs Debian's prometheus (make packages)")


@contextmanager
def watched() -> Iterator[tuple[Site, Prometheus, Serving]]:
    """A runner that can ask, and whose verification is not long."""
    with Site() as site, Prometheus(site.scratch / "prometheus", "web1:9100") as prometheus:
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["prometheus"] = {"url": prometheus.url}
        site.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        site.change_policy(lambda trigger: trigger.update(verification={"alert_resolves_within": "2s"}))
        with site.runner() as runner:
            yield site, prometheus, runner


def young(site: Site, runner: Serving) -> str:
    """An incident that waits, because its alert is young."""
    incident = site.post(runner.url, site.alert(labels={"job": "node"}, since=timedelta()))
    site.wait_for(incident, "limits.waiting")
    return incident


def test_what_resolved_by_itself_has_its_target_still() -> None:
    """Prometheus says so, and the record says what it said; nobody is woken."""
    with watched() as (site, _, runner):
        incident = young(site, runner)
        site.post(runner.url, site.alert("resolved", labels={"job": "node"}, since=timedelta()))
        (verified,) = site.wait_for(incident, "verified")
        assert str(verified.body["by"]).startswith("alert resolved, up for instance=web1")
        assert site.wait_for(incident, "incident.closed")[0].body["result"] == "resolved-by-itself"
        assert site.channel.messages == ()


def test_an_alert_whose_target_has_vanished_is_told_to_people() -> None:
    """It would have been closed as if all were well."""
    with watched() as (site, prometheus, runner):
        incident = young(site, runner)
        prometheus.forget()
        site.post(runner.url, site.alert("resolved", labels={"job": "node"}, since=timedelta()))
        (told,) = site.wait_for(incident, "escalation.begun")
        why = str(told.body["why"])
        assert why.startswith("the alert resolved before a repair, but there is no up for instance=web1")
        assert why.endswith("any more: what the alert was about has vanished")
        assert site.wait_for(incident, "incident.closed")[0].body["result"] == "unknown"
        assert any("has vanished" in str(message) for message in site.channel.messages)
        assert "grant.intent" not in {event.kind for event in site.events(incident)}
