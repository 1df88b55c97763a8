# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation through the runner, and what comes of it: real Prometheus and Alertmanager lose the host and say so."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.lab.alerted import Watch, answering, until
from tests.lab.watching import await_alert, firing

from breakglass.buttons import Reach
from breakglass.domain.holds import Scope
from breakglass.errors import BreakglassError
from breakglass.holding import Target
from breakglass.installed import installed_remediations
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab

HOST = "web1"
LOST = ("HostDown", HOST)
TABLE = "table inet breakglass_quarantine"
TRIGGERS: tuple[dict[str, object], ...] = (
    {"name": "compromised", "match": {"alertname": "HostCompromised"}, "remediation": "isolate_host"},
    {"name": "clean", "match": {"alertname": "HostClean"}, "remediation": "rejoin_host"},
    {
        "name": "host-lost",  # somebody's answer to a host that is not seen any more: an isolated one is none of its business
        "match": {"alertname": "HostDown"},
        "remediation": "restart_service",
        "parameters": {"restart_service_name": "cron"},
    },
    {
        "name": "service-failed",
        "match": {"alertname": "ServiceFailed"},
        "remediation": "restart_service",
        "parameters": {"restart_service_name": "{{ alert.labels.name }}"},
    },
)


@pytest.fixture
def watch(watched: Lab) -> Iterator[Watch]:
    """The lab's runner with another policy; no host stays isolated or held, whatever a test has found."""
    with answering(watched, "isolation", ["lab-operator"], TRIGGERS) as made:
        try:
            yield made
        finally:
            if TABLE in watched.host(HOST).run("nft list tables").stdout:
                watched.run_role("rejoin_host", [HOST])
            with suppress(BreakglassError):
                held = Target(Scope.HOST, (HOST,))
                Reach({}, installed_remediations).of(
                    load_settings(made.settings), lambda it: it.lift(held, "the test is over")
                )


def test_what_an_isolation_causes_starts_nothing(watch: Watch) -> None:
    """The isolated host is lost to Prometheus, whose alert waits behind the hold; rejoined, it is seen, and repairs go on."""
    web1 = watch.lab.host(HOST)
    await_alert(LOST, fires=False)
    isolation = watch.post("HostCompromised")
    assert watch.await_event(isolation, "hold.set").body["name"] == HOST
    watch.await_event(isolation, "escalation.delivered")
    assert TABLE in web1.run("nft list tables").stdout
    watch.post("HostCompromised", "resolved")
    assert watch.await_event(isolation, "incident.closed").body["result"] == "repaired"

    await_alert(LOST, fires=True)  # the node exporter can't be reached any more
    (lost,) = until(lambda: watch.incidents_of("host-lost"), lambda: f"HostDown came to nobody: {firing()}")
    held = f"{HOST} is held by {isolation} since"  # an alert that is quick waits for the claim of the isolation first
    until(
        lambda: any(
            held in str(event.body.get("why")) for event in watch.events(lost) if event.kind == "limits.waiting"
        ),
        lambda: f"it does not wait for the hold: {watch.kinds(lost)}",
    )
    held_for = time.monotonic() + 20
    while time.monotonic() < held_for:  # it looks again and again
        assert not {"grant.intent", "play.intent", "escalation.begun"} & set(watch.kinds(lost))
        time.sleep(1)
    assert len(watch.channel.messages) == 1, "people heard of the isolation, and of nothing that it causes"

    rejoining = watch.post("HostClean")
    lifted = watch.await_event(rejoining, "hold.lifted").body
    assert (lifted["name"], lifted["set_by"], lifted["by"]) == (HOST, isolation, rejoining)
    watch.post("HostClean", "resolved")
    watch.await_event(rejoining, "incident.closed")
    assert TABLE not in web1.run("nft list tables").stdout
    await_alert(LOST, fires=False)
    watch.await_event(lost, "incident.closed")
    watch.lab.record_run(role="isolate_host", fault="compromised host", run=watch.events(isolation))
    watch.lab.record_run(role="rejoin_host", fault="host found clean", run=watch.events(rejoining))

    watch.lab.break_("service-failed", HOST)
    try:
        (failed,) = until(lambda: watch.incidents_of("service-failed"), lambda: f"no alert came: {firing()}")
        assert watch.await_event(failed, "incident.closed").body["result"] == "repaired"
        assert web1.active("nginx") == "active"
    finally:
        watch.lab.mend("service-failed", HOST)
    assert len(watch.channel.messages) == 1
    watch.verify()
