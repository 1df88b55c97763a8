# SPDX-License-Identifier: GPL-3.0-or-later
"""A repair of several real hosts: one goes first, and what it could not stand the others are spared."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import pytest
import yaml
from tests.support.site import Site

from breakglass.demo.parts import free_port, prepare_host, prepare_vault, service_answers
from breakglass.demo.ssh_host import SshHost
from breakglass.demo.web_service import WebService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.timeline import Event

OTHERS = ("web2", "web3")


class Fleet(Site):
    """A site with three hosts, each with a service of its own; its trigger repairs all of them."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.more = self._parts.enter_context(ExitStack())
        self.services = {"web1": self.service}
        inventory = yaml.safe_load(self.place.inventory.read_text(encoding="utf-8"))
        hosts = inventory["web"]["hosts"]
        for name in OTHERS:
            place = self.scratch / name
            place.mkdir()
            service = WebService(free_port(), place / "shop.pid", place / "broken")
            self.services[name] = self.more.enter_context(service)
            port = free_port()
            hosts[name] = {
                **hosts["web1"],
                "ansible_port": port,
                "restart_service_command": list(service.restart_command),
                "restart_service_stop_command": list(service.stop_command),
                "restart_service_health_url": service.url,
            }
            self.more.enter_context(SshHost(prepare_host(place, self.environment, name, "breakglass"), port))
        inventory["web"]["hosts"] = dict(reversed(hosts.items()))  # their turn is by name, not by the inventory
        self.place.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
        prepare_vault(self.place.settings, self.environment)  # its roles name the hosts
        limits = {"hosts_at_once": "3", "attempts": "1", "firing_for": "0s", "cooldown": "0s"}
        self.change_policy(lambda trigger: trigger.update(hosts=["web1", *OTHERS], limits=limits))
        return self

    def touched(self, incident: str) -> list[str]:
        """The host of each task that was begun, in order."""
        return [str(event.body["host"]) for event in self.events(incident) if event.kind == "task.intent"]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """All of its services are down."""
    with Fleet() as fleet:
        for service in fleet.services.values():
            service.kill()
        yield fleet


def test_one_host_goes_first_and_the_others_follow(fleet: Fleet) -> None:
    """Its whole repair, check included, is over before anything is done to the others, which are repaired together."""
    with fleet.runner() as runner:
        incident = fleet.post(runner.url, fleet.alert())
        (plan,) = fleet.wait_for(incident, "plan.made")
        assert (plan.body["hosts"], plan.body["rollout"]) == (["web1", "web2", "web3"], "canary")
        (ended,) = fleet.wait_for(incident, "play.ended")
        assert ended.body["outcome"] == "ok", ended.body["why"]
        fleet.wait_for(incident, "grant.revoked")
        fleet.post(runner.url, fleet.alert("resolved"))
        closed: list[Event] = fleet.wait_for(incident, "incident.closed")
        assert closed[0].body["result"] == "repaired"
    assert all(service_answers(service.url) for service in fleet.services.values())
    turns = fleet.touched(incident)
    first, rest = turns[: turns.index("web2")], turns[turns.index("web2") :]
    assert set(first) == {"web1"}
    assert set(rest) == {"web2", "web3"}
    assert turns.count("web1") >= turns.count("web3") > 0


def test_when_the_first_fails_the_others_are_not_touched(fleet: Fleet) -> None:
    """Whoever is woken reads which hosts are as they were."""
    fleet.broken.touch()
    with fleet.runner() as runner:
        incident = fleet.post(runner.url, fleet.alert())
        (ended,) = fleet.wait_for(incident, "play.ended")
        assert ended.body["outcome"] == "failed"
        said = "web2, web3 were not touched, since web1 went first"
        assert str(ended.body["why"]).startswith("web1: ")
        assert "said 503" in str(ended.body["why"])
        assert str(ended.body["why"]).endswith(said)
        (told,) = fleet.wait_for(incident, "escalation.begun")
        assert said in str(told.body["why"])
        fleet.wait_for(incident, "escalation.delivered")
        assert any(said in str(message) for message in fleet.channel.messages)
    assert set(fleet.touched(incident)) == {"web1"}
    assert not any(service_answers(fleet.services[name].url) for name in OTHERS)
