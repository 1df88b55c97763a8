# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds with a real runner: a repair that leaves its host held, the alerts that this causes, and the commands of people."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import (
    Hold,
    lift_hold,
    read_hold,
    write_hold,
)
from tests.support.crash_site import CrashRunner
from tests.support.site import Site
from tests.support.traces import wait_until

from breakglass.effects.runs import COLLECTIONS
from breakglass.timeline import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.timeline import Event

pytestmark = pytest.mark.slow

ME = pwd.getpwuid(os.getuid()).pw_name
ROLES = {
    "isolate": (
        "holds_host: true\nidempotent: true\n",
        "ansible.builtin.copy: {content: isolated, dest: '{{ isolate_marker }}', mode: '0600'}",
    ),
    "isolate_slowly": (
        "holds_host: true\nidempotent: false\n",
        "ansible.builtin.shell: {cmd: 'touch {{ isolate_slowly_marker }}; sleep 60'}",
    ),
    "rejoin": (
        "releases_host: true\nidempotent: true\n",
        "ansible.builtin.file: {path: '{{ rejoin_marker }}', state: absent}",
    ),
}
WITHIN_SECONDS = 60


class Quarters(Site):
    """A site with two remediations of another collection: one that leaves its host held, and one that ends that."""

    @property
    def marker(self) -> Path:
        """What the host has while it is isolated."""
        return self.scratch / "isolated"

    @property
    def collections(self) -> Path:
        """Ours, and beside it the other collection."""
        return self.scratch / "collections"

    def prepare(self) -> None:
        """Write the collection, and triggers for it before the one of the demo."""
        ours = self.collections / "ansible_collections" / "breakglass"
        ours.mkdir(parents=True)
        (ours / "remediation").symlink_to(COLLECTIONS / "ansible_collections" / "breakglass" / "remediation")
        acme = self.collections / "ansible_collections" / "acme" / "quarters"
        for role, (behaviour, task) in ROLES.items():
            for part in ("meta", "tasks"):
                (acme / "roles" / role / part).mkdir(parents=True)
            (acme / "roles" / role / "meta" / "remediation.yml").write_text(behaviour)
            options = {f"{role}_marker": {"type": "path", "required": True}}
            specs = {"argument_specs": {"main": {"options": options}}}
            (acme / "roles" / role / "meta" / "argument_specs.yml").write_text(yaml.safe_dump(specs))
            (acme / "roles" / role / "tasks" / "main.yml").write_text(f"- name: Change the host\n  {task}\n")
        policy = yaml.load(self.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        alerts = {"isolate": "HostCompromised", "isolate_slowly": "HostSuspected", "rejoin": "HostClean"}
        others = [self._trigger(role, alert) for role, alert in alerts.items()]
        policy["triggers"] = others + policy["triggers"]
        self.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")

    def _trigger(self, role: str, alert: str) -> dict[str, object]:
        return {
            "name": f"{role.replace('_', '-')}-host",
            "match": {"alertname": alert},
            "access": "web-operator",
            "approval": "automatic",
            "remediation": f"acme.quarters.{role}",
            "parameters": {f"{role}_marker": str(self.marker)},
            "limits": {"attempts": "1", "firing_for": "1s"},
            "verification": {"alert_resolves_within": "2s"},
            "escalation": "on-call",
            "mode": "act",
        }

    def runner(self) -> CrashRunner:  # type: ignore[override]  # which never crashes here
        """The real runner, which sees the other collection too."""
        return CrashRunner(
            self.place.settings,
            self.log,
            ("--armed", str(self.scratch / "never"), "--collections", str(self.collections)),
        )

    def named(self, alert: str, group: str = "", status: str = "firing") -> dict[str, object]:
        """A webhook of this alert, in a group of its own."""
        labels = {"alertname": alert}
        return {**self.alert(status, labels=labels, fingerprint=f"{alert}{group}"), "groupKey": f"{alert}{group}"}

    def breakglass(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, on the runner's machine."""
        return subprocess.run(
            [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(self.place.settings)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.scratch), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def holds(self) -> list[dict[str, str]]:
        """What `breakglass holds` lists."""
        shown = self.breakglass("holds", "--json")
        assert shown.returncode == 0, shown.stderr
        found: list[dict[str, str]] = json.loads(shown.stdout)
        return found

    def of_the_day(self, kind: str) -> list[Event]:
        """Records of a kind that belong to no incident."""
        found = []
        for stream in self.place.journal.glob("*/*/*/runner.jsonl"):
            if not stream.parent.name.startswith("INC-"):
                found += [event for event in Follower(stream.parent).new_events() if event.kind == kind]
        return found


@pytest.fixture
def site() -> Iterator[Quarters]:
    with Quarters() as made:
        made.prepare()
        yield made


def number(url: str, name: str) -> float:
    """A number of the runner's page of numbers."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def kinds(site: Quarters, incident: str) -> list[str]:
    return [event.kind for event in site.events(incident)]


def test_an_isolated_host_is_left_alone_until_it_has_rejoined(site: Quarters) -> None:
    """The isolation holds its host and says so, and the alerts that it causes start nothing and wake nobody.

    Also over a restart; what releases the host may run there, and then what still fires is repaired.
    """
    with site.runner() as runner:
        isolation = site.post(runner.url, site.named("HostCompromised"))
        (held,) = site.wait_for(isolation, "hold.set")
        assert held.body["name"] == "web1"
        site.wait_for(isolation, "escalation.delivered")
        assert site.marker.exists()
        (told,) = site.channel.messages
        assert "the host is HELD" in told.title
        assert "isolate ran on web1: nothing else starts there until the hold is lifted" in told.text
        assert number(runner.url, 'breakglass_holds{scope="host",set_by="incident"}') == 1
        (listed,) = site.holds()
        assert (listed["name"], listed["by"], listed["set_by"]) == ("web1", isolation, "incident")

        site.service.kill()
        caused = [site.post(runner.url, site.named("ServiceDown", group)) for group in ("a", "b", "c", "d")]
        assert len(set(caused)) == len(caused)
        for incident in caused:
            (waiting,) = site.wait_for(incident, "limits.waiting")
            assert f"web1 is held by {isolation}" in str(waiting.body["why"])
            assert "(lift it with: breakglass hold lift --host web1 --reason …)" in str(waiting.body["why"])
        # The alert of the isolation itself does not resolve: its incident escalates, as any other, and keeps its host.
        wait_until(lambda: site.states()[isolation] == "escalated", WITHIN_SECONDS, "no escalation of the isolation")
        wait_until(lambda: len(site.channel.messages) == 2, WITHIN_SECONDS, "the escalation was not told")

    assert [hold["name"] for hold in site.holds()] == ["web1"], "held also while no runner works"

    with site.runner() as runner:
        for group in ("b", "c", "d"):
            site.post(runner.url, site.named("ServiceDown", group, "resolved"))
        for incident in caused[1:]:
            closed = site.wait_for(incident, "incident.closed")[0]
            assert closed.body["result"] == "resolved-by-itself"
        assert site.states()[caused[0]] == "waiting"
        assert all("grant.intent" not in kinds(site, incident) for incident in caused)
        assert len(site.channel.messages) == 2, "nobody was called for what the isolation causes"
        assert not site.service_answers()

        rejoining = site.post(runner.url, site.named("HostClean"))
        (lifted,) = site.wait_for(rejoining, "hold.lifted")
        assert (lifted.body["name"], lifted.body["set_by"], lifted.body["by"]) == ("web1", isolation, rejoining)
        assert not site.marker.exists()
        assert site.holds() == []
        site.post(runner.url, site.named("HostClean", status="resolved"))
        site.wait_for(rejoining, "incident.closed")

        site.wait_for(caused[0], "grant.revoked")
        assert site.service_answers()
        site.post(runner.url, site.named("ServiceDown", "a", "resolved"))
        site.post(runner.url, site.named("HostCompromised", status="resolved"))
        assert site.wait_for(caused[0], "incident.closed")[0].body["result"] == "repaired"
        site.wait_for(isolation, "incident.closed")
        wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")


def test_an_isolation_that_nobody_saw_end(site: Quarters) -> None:
    """The runner is killed in the middle of it: the host may be isolated, so it is held, and people are told."""
    with site.runner() as runner:
        isolation = site.post(runner.url, site.named("HostSuspected"))
        wait_until(site.marker.exists, WITHIN_SECONDS, "the isolation did not begin")
        os.kill(runner.pid, signal.SIGKILL)
        wait_until(lambda: runner.ended() is not None, WITHIN_SECONDS, "the runner lives")
    with site.runner() as runner:
        (held,) = site.wait_for(isolation, "hold.set")
        assert held.body["reason"] == (
            "isolate_slowly may have run there, nobody saw its end (trigger isolate-slowly-host)"
        )
        site.wait_for(isolation, "escalation.delivered")
        assert "breakglass hold lift HOST --reason" in site.channel.messages[0].text
        caused = site.post(runner.url, site.named("ServiceDown"))
        site.wait_for(caused, "limits.waiting")
        site.post(runner.url, site.named("HostSuspected", status="resolved"))
        site.wait_for(isolation, "incident.closed")

        rejoining = site.post(runner.url, site.named("HostClean"))
        site.wait_for(rejoining, "hold.lifted")
        site.wait_for(rejoining, "grant.revoked")
        assert not site.marker.exists()
        assert site.holds() == []
        for alert in ("ServiceDown", "HostClean"):
            site.post(runner.url, site.named(alert, status="resolved"))
        for incident in (caused, rejoining):
            site.wait_for(incident, "incident.closed")


def test_a_person_holds_a_host(site: Quarters) -> None:
    """Set beside a runner at work or without one, a hold is in force, told and journalled with its person until it is lifted."""
    with site.runner() as runner:
        made = site.breakglass("hold", "--host", "web1", "--reason", "new disks")
        assert made.returncode == 0, made.stderr
        site.service.kill()
        stopped = site.post(runner.url, site.named("ServiceDown", "a"))
        (refused,) = site.wait_for(stopped, "limits.refused")
        assert f"web1 is held by {ME} since" in str(refused.body["why"])
        assert str(refused.body["why"]).endswith(": new disks")
        site.wait_for(stopped, "escalation.delivered")
        assert "new disks" in site.channel.messages[0].text
        assert "hold lift --host web1" in site.channel.messages[0].text
        assert number(runner.url, 'breakglass_holds{scope="host",set_by="person"}') == 1
        wait_until(lambda: bool(site.of_the_day("hold.set")), WITHIN_SECONDS, "the hold was not journalled")
        (event,) = site.of_the_day("hold.set")
        assert (event.body["by"], event.body["reason"]) == (ME, "new disks")

    assert site.breakglass("hold", "lift", "web1", "--reason", "disks are in").returncode == 0
    assert site.breakglass("hold", "--all", "--reason", "change freeze").returncode == 0
    assert site.of_the_day("hold.lifted") == []

    with site.runner() as runner:
        wait_until(lambda: bool(site.of_the_day("hold.lifted")), WITHIN_SECONDS, "lifting was not journalled")
        frozen = site.post(runner.url, site.named("ServiceDown", "b"))
        assert "everything is held by" in str(site.wait_for(frozen, "limits.refused")[0].body["why"])
        assert "grant.intent" not in kinds(site, stopped) + kinds(site, frozen)
        assert not site.service_answers()

        assert site.breakglass("hold", "lift", "--all", "--reason", "the freeze is over").returncode == 0
        repaired = site.post(runner.url, site.named("ServiceDown", "c"))
        site.wait_for(repaired, "grant.revoked")
        assert site.service_answers()
        for group in ("a", "b", "c"):
            site.post(runner.url, site.named("ServiceDown", group, "resolved"))
        for incident in (stopped, frozen, repaired):
            site.wait_for(incident, "incident.closed")
        wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")


def test_a_hold_on_everything_binds_the_other_doors(site: Quarters) -> None:
    """The runner copies it to Vault, where the grant of an operator's play reads it, and takes the copy away with it.

    What somebody set in Vault by hand stays theirs.
    """
    with Client(Connection(url=site.vault.url), site.vault.root_token) as admin, site.runner() as runner:

        def stands() -> bool:
            hold = read_hold(admin)
            return hold is not None and hold.reason == "change freeze"

        assert site.breakglass("hold", "--all", "--reason", "change freeze").returncode == 0
        wait_until(stands, WITHIN_SECONDS, "the hold did not come to Vault")
        refused = site.playbook()
        assert refused.returncode != 0
        assert f"by {ME}: change freeze. Nothing new starts until it is lifted." in refused.stdout

        lift_hold(admin, "by hand, in the wrong place", "ben", datetime.now(UTC))
        wait_until(stands, WITHIN_SECONDS, "the copy did not come back")

        site.service.kill()
        assert site.breakglass("hold", "lift", "--all", "--reason", "the freeze is over").returncode == 0
        repaired = site.post(runner.url, site.named("ServiceDown"))  # at once: the copy may still be there
        site.wait_for(repaired, "grant.revoked")
        assert "limits.refused" not in kinds(site, repaired)
        assert site.service_answers()
        assert read_hold(admin) is None

        write_hold(admin, Hold("by hand", "ben", datetime.now(UTC)))
        site.breakglass("hold", "--all", "--reason", "change freeze")
        frozen = site.post(runner.url, site.named("ServiceDown", "b"))
        site.wait_for(frozen, "limits.refused")
        site.breakglass("hold", "lift", "--all", "--reason", "the freeze is over")
        still = site.post(runner.url, site.named("ServiceDown", "c"))
        assert "the hold is set by ben: by hand" in str(site.wait_for(still, "limits.refused")[0].body["why"])
        found = read_hold(admin)
        assert found is not None
        assert (found.person, found.mirrored) == ("ben", False)
        lift_hold(admin, "done", "ben", datetime.now(UTC))
