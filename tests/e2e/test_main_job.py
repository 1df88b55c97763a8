# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job: one alert repairs one host under a time-boxed credential, and everything about it can be proven."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest
from tests.support.site import Site

from breakglass.demo.parts import leave_keys
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from breakglass.demo.serving import Serving
    from breakglass.timeline import Event

GENERATED_FOR_SPARE = {"run.lock", "ansible.cfg", "stderr"}
STORY = (
    "incident.opened",
    "alert.firing",
    "limits.passed",
    "plan.made",
    "approval.given",
    "grant.intent",
    "grant.minted",
    "play.intent",
    "run.started",
    "task.intent",
    "run.ended",
    "play.ended",
    "grant.revoked",
    "alert.resolved",
    "verified",
    "incident.closed",
)


@dataclass(frozen=True)
class Repair:
    """One repair that has come to its end, and its runner to its own.

    Attributes:
        site: Where it happened; the runner has drained.
        incident: Its id.
        firing: The webhook that opened it.
        left_while_running: Files below the run directory after the incident was closed.
    """

    site: Site
    incident: str
    firing: dict[str, object]
    left_while_running: frozenset[str]

    @property
    def events(self) -> list[Event]:
        """Its records, by time."""
        return self.site.events(self.incident)

    @property
    def runs(self) -> Path:
        """Where plays have their directories."""
        return self.site.scratch / "runs"

    def only(self, kind: str) -> Event:
        """The one record of a kind."""
        (event,) = (event for event in self.events if event.kind == kind)
        return event


@pytest.fixture(scope="module")
def repair() -> Iterator[Repair]:
    """Kill the service, let the alert in, see it repaired and resolved, and stop the runner."""
    with Site() as site:
        leave_keys(site.environment, site.place.keys)
        with site.runner() as runner:
            site.service.kill()
            firing = site.alert()
            incident = site.post(runner.url, firing)
            site.wait_for(incident, "grant.revoked")
            site.post(runner.url, resolved(firing))
            site.wait_for(incident, "incident.closed")
            await_seal(site)
            runs = site.scratch / "runs"
            left = frozenset(path.name for path in runs.rglob("*") if path.is_file())
        yield Repair(site, incident, firing, left)


@pytest.fixture(scope="module")
def second_runner(repair: Repair) -> Iterator[Serving]:
    """Start a runner on the same database after the repair: it has to remember."""
    with repair.site.runner() as runner:
        yield runner


def resolved(firing: dict[str, object]) -> dict[str, object]:
    """Turn a webhook into the one that Alertmanager sends when the alert is over."""
    alerts = firing["alerts"]
    assert isinstance(alerts, list)
    return {**firing, "status": "resolved", "alerts": [{**alert, "status": "resolved"} for alert in alerts]}


def await_seal(site: Site, seconds: float = 20) -> None:
    """Wait until the journal verifies with Vault, which it does only once it is sealed."""
    deadline = time.monotonic() + seconds
    while (verified := site.verify()).exit_code:
        assert time.monotonic() < deadline, verified.text()
        time.sleep(0.05)


def kinds(events: Sequence[Event]) -> list[str]:
    """What happened, in order, each kind where it came first."""
    return list(dict.fromkeys(event.kind for event in events))


def test_records_come_in_the_order_in_which_things_may_happen(repair: Repair) -> None:
    """The journal tells the whole life of the alert, and no step stands before the one that allows it."""
    told = [kind for kind in kinds(repair.events) if kind in STORY]

    assert tuple(told) == STORY


def test_grant_is_recorded_before_any_task(repair: Repair) -> None:
    """The accessor of the grant stands in the journal before the first task of the play begins."""
    tasks = [event for event in repair.events if event.kind.startswith("task.")]

    assert repair.only("grant.minted").body["accessor"]
    assert repair.only("grant.minted").at < min(task.at for task in tasks)


def test_every_task_is_announced_before_its_result(repair: Repair) -> None:
    """Each result of a task has an intent for the same host before it, and no intent is left without a result."""
    announced: set[tuple[object, object]] = set()
    ended: set[tuple[object, object]] = set()
    for event in repair.events:
        of_task = event.body.get("task"), event.body.get("host")
        if event.kind == "task.intent":
            announced.add(of_task)
        if event.kind == "task.result":
            assert of_task in announced, event
            ended.add(of_task)

    assert announced == ended
    assert len(ended) > len(("assert", "grant", "certificate", "include", "restart"))


def test_grant_is_gone_before_the_repair_counts_as_verified(repair: Repair) -> None:
    """The grant is proven gone first, and only then anybody looks whether the alert resolves."""
    revoked = repair.only("grant.revoked")

    assert revoked.body["proven"] is True
    assert revoked.at < repair.only("verified").at
    assert "expires at" in str(revoked.body["remains"])  # an SSH certificate can't be revoked, and nobody says so


def test_certificate_is_for_the_host_of_the_plan_alone(repair: Repair) -> None:
    """The certificate's principals are exactly the one host that the plan names."""
    (obtained,) = (event for event in repair.events if event.body.get("principals"))

    assert obtained.body["principals"] == ["web1"]
    assert repair.only("plan.made").body["hosts"] == ["web1"]


def test_incident_closes_as_repaired(repair: Repair) -> None:
    """The incident ends as repaired, by one attempt, and nobody was woken."""
    assert repair.only("incident.closed").body["result"] == "repaired"
    assert repair.only("play.intent").body == {"attempt": 1}
    assert repair.site.service_answers()
    assert repair.site.channel.messages == ()


def test_vault_does_not_know_the_accessor_any_more(repair: Repair) -> None:
    """Vault itself says, in the words that count as proof, that there is no such grant."""
    admin = Client(Connection(url=repair.site.vault.url), repair.site.vault.root_token)
    with admin, pytest.raises(InvalidRequest) as refused:
        admin.post("auth/token/lookup-accessor", {"accessor": repair.only("grant.minted").body["accessor"]})

    assert refused.value.status == 400
    assert [text for text in refused.value.errors if text.endswith("invalid accessor")]


def test_nothing_of_the_run_is_left(repair: Repair) -> None:
    """After the incident only a spare play process has files, none with a secret; after the runner there is nothing."""
    assert repair.left_while_running <= GENERATED_FOR_SPARE
    assert list(repair.runs.iterdir()) == []


def test_runner_drains_when_it_is_asked_to_stop(repair: Repair) -> None:
    """SIGTERM lets the runner finish: that it stopped is the last thing that it records, and everything is signed."""
    (day,) = repair.site.place.journal.glob("*/*/*/runner.jsonl")
    records = [json.loads(line) for line in day.read_bytes().splitlines()]

    assert [record["kind"] for record in records] == ["runner.started", "runner.stopped"]
    assert day.with_name(f"runner.{len(records)}.checkpoint").exists()


def test_journal_verifies_with_vault(repair: Repair) -> None:
    """Every stream of the incident is intact, signed, and equal to its anchor in Vault."""
    verified = repair.site.verify()

    assert verified.exit_code == 0, verified.text()
    assert verified.remarks == ()
    assert "equal" in verified.text()


def test_journal_verifies_offline(repair: Repair, tmp_path: Path) -> None:
    """A copy of the journal verifies with the key file alone."""
    copy = shutil.copytree(repair.site.place.journal, tmp_path / "journal")

    verified = verify_journal(copy, repair.site.place.keys, {}, offline=True)

    assert verified.exit_code == 0, verified.text()


def test_one_changed_byte_is_found(repair: Repair, tmp_path: Path) -> None:
    """Whichever sealed record has one byte changed, the journal counts as changed, and the record is named."""
    copy = shutil.copytree(repair.site.place.journal, tmp_path / "journal")
    sealed = [path for path in copy.rglob("*.jsonl") if list(path.parent.glob(f"{path.stem}.*.checkpoint"))]
    assert {path.stem for path in sealed} == {"ledger", "runner", "play-1", "credentials-1"}
    for path in sealed:
        content = path.read_bytes()
        for number, line in enumerate(content.splitlines(keepends=True), 1):
            middle = content.index(line) + len(line) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
            verified = verify_journal(copy, repair.site.place.keys, {}, offline=True)
            assert verified.exit_code == 2, (path.name, number, verified.text())
            assert path.name in verified.text()
        path.write_bytes(content)


def test_repetition_after_closing_starts_nothing(repair: Repair, second_runner: Serving) -> None:
    """A webhook that was answered before reaches the closed incident and starts nothing, also after a restart."""
    before = repair.site.states()

    assert repair.site.post(second_runner.url, resolved(repair.firing)) == repair.incident
    assert repair.site.states() == before


def test_fault_that_fires_again_is_news(repair: Repair, second_runner: Serving) -> None:
    """After *resolved* the same alert, even with the same start, opens an incident, which waits for the cooldown."""
    incident = repair.site.post(second_runner.url, repair.firing)
    assert incident != repair.incident
    assert "cooldown" in str(repair.site.wait_for(incident, "limits.waiting")[0].body["why"])

    assert repair.site.post(second_runner.url, resolved(repair.firing)) == incident
    closed = repair.site.wait_for(incident, "incident.closed")[0]
    assert closed.body["result"] == "resolved-by-itself"


def test_alert_that_resolves_while_young_is_left_alone(repair: Repair, second_runner: Serving) -> None:
    """An alert that resolves before it has fired for long enough closes as resolved by itself, without any grant."""
    site = repair.site
    young = site.alert(since=timedelta(seconds=5), labels={"severity": "warning"}, fingerprint="aaaa")
    incident = site.post(second_runner.url, young)
    (waiting,) = site.wait_for(incident, "limits.waiting")
    site.post(second_runner.url, resolved(young))
    (closed,) = site.wait_for(incident, "incident.closed")

    assert waiting.body["why"] == "the alert must fire for 60 s first"
    assert closed.body["result"] == "resolved-by-itself"
    assert not [event for event in site.events(incident) if event.kind.startswith(("grant.", "play."))]


def test_second_fault_soon_after_waits_for_the_cooldown(repair: Repair, second_runner: Serving) -> None:
    """When the same service fails again soon after its repair, the new incident waits, and says for what."""
    site = repair.site
    again = site.alert(since=timedelta(seconds=90), fingerprint="bbbb")
    incident = site.post(second_runner.url, again)
    (waiting,) = site.wait_for(incident, "limits.waiting")

    assert incident != repair.incident
    assert waiting.body["why"] == "cooldown of web1 after its last repair"
    assert site.states()[incident] == "waiting"

    site.post(second_runner.url, resolved(again))
    (closed,) = site.wait_for(incident, "incident.closed")
    assert closed.body["result"] == "resolved-by-itself"
    assert not [event for event in site.events(incident) if event.kind.startswith(("grant.", "play."))]
