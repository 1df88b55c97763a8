# SPDX-License-Identifier: GPL-3.0-or-later
"""A trigger's own question to a real Prometheus: that the alert has resolved is not enough."""

from __future__ import annotations

import pytest
import yaml
from tests.support.prometheus import INSTALLED, Prometheus
from tests.support.site import Site

pytestmark = pytest.mark.skipif(INSTALLED is None, reason="needs Debian's prometheus (make packages)")

VERIFICATION = {"alert_resolves_within": "60s", "probe": {"query": "shop_orders", "labels": ["instance"]}}


def test_a_repair_counts_once_the_probe_says_so() -> None:
    """The alert has resolved, and the shop takes no orders: it is asked again, and is repaired when it takes some."""
    with Site() as site, Prometheus(site.scratch / "prometheus", "web1:9100") as prometheus:
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["prometheus"] = {"url": prometheus.url}
        site.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        site.change_policy(lambda trigger: trigger.update(verification=VERIFICATION))
        prometheus.take_orders(0)
        with site.runner() as runner:
            site.service.kill()
            incident = site.post(runner.url, site.alert())
            site.wait_for(incident, "grant.revoked")
            site.post(runner.url, site.alert("resolved"))
            (refuted,) = site.wait_for(incident, "not_verified")
            assert "shop_orders" in str(refuted.body["why"])
            assert "incident.closed" not in {event.kind for event in site.events(incident)}
            prometheus.take_orders(3)
            (verified,) = site.wait_for(incident, "verified")
            assert "shop_orders" in str(verified.body["by"])
            assert site.wait_for(incident, "incident.closed")[0].body["result"] == "repaired"
        assert site.channel.messages == ()
