# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner with AWX as its executor: an alert, a job that AWX really runs, a grant that the runner proves gone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.integration.collection.operator_run import await_truth
from tests.support.awx.server import TOKEN, AwxServer, Stored
from tests.support.awx.site import AwxSite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def site() -> Iterator[AwxSite]:
    """An installation whose service is down."""
    with AwxSite() as running:
        running.service.kill()
        yield running


@pytest.fixture
def awx(site: AwxSite) -> Iterator[AwxServer]:
    """Where its plays run."""
    with AwxServer(site.bare_job) as server:
        site.use_awx(server.url, TOKEN)
        yield server


def page_of(job: Stored) -> str:
    """What the job's page shows."""
    return "\n".join(str(event["stdout"]) for event in job.run.events if event.get("stdout"))


def _resolve(site: AwxSite, url: str) -> None:
    site.post(url, site.alert("resolved"))


def test_an_alert_is_repaired_by_a_job_and_its_grant_proven_gone_by_the_runner(site: AwxSite, awx: AwxServer) -> None:
    """Plain values, one launch; the job opens its grant itself, and the runner proves that it is gone and verifies the repair."""
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        (gone,) = site.wait_for(incident, "grant.revoked", 100)
        _resolve(site, runner.url)
        (closed,) = site.wait_for(incident, "incident.closed")
    assert closed.body["result"] == "repaired"
    assert site.service_answers()
    (launch,) = awx.launches
    variables = launch["extra_vars"]
    assert isinstance(variables, dict)
    (plan,) = [event.body for event in site.events(incident) if event.kind == "plan.made"]
    assert variables["remediate_incident"] == incident
    assert variables["remediate_plan_digest"] == plan["digest"]
    assert launch["limit"] == "web1"
    kinds = [event.kind for event in site.events(incident)]
    assert "grant.left_to_job" in kinds
    assert "grant.minted" not in kinds
    (opened,) = site.bodies("grant.opened")
    assert gone.body["accessor"] == opened["accessor"]
    assert site.living(opened["accessor"]) is None
    assert site.bodies("run.started")[0]["awx"].items() >= {"incident": incident, "plan_digest": plan["digest"]}.items()  # type: ignore[attr-defined]
    assert all(f"· {incident} · recorded" in page_of(job) for job in awx.jobs.values())


def test_a_person_who_cancels_the_incident_cancels_its_job(site: AwxSite, awx: AwxServer) -> None:
    """AWX ends it, and the runner proves the grant gone that its job had opened."""
    started = _slow(site)
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        await_truth(started.exists, 90)
        _say(site, "cancel", incident)
        site.wait_for(incident, "grant.revoked", 90)
        (closed,) = site.wait_for(incident, "incident.closed")
    assert closed.body["result"] == "cancelled"
    (opened,) = site.bodies("grant.opened")
    assert site.living(opened["accessor"]) is None
    assert len(awx.launches) == 1


@pytest.mark.timeout(300)
def test_a_runner_that_dies_finds_its_job_again_and_launches_no_other(site: AwxSite, awx: AwxServer) -> None:
    """The job goes on without it; who takes the incident over follows it to its end."""
    started = _slow(site, 20)
    with site.runner() as runner:
        incident = site.post(runner.url, site.alert())
        await_truth(started.exists, 90)
        runner.kill()
    with site.runner() as again:
        site.wait_for(incident, "grant.revoked", 120)
        _resolve(site, again.url)
        site.wait_for(incident, "incident.closed", 60)
    assert len(awx.launches) == 1
    ended = [event.body for event in site.events(incident) if event.kind == "play.ended"]
    assert len(ended) == 1
    assert ended[0]["outcome"] != "unknown"


def _slow(site: AwxSite, seconds: int = 120) -> Path:
    """Have the restart of the service take its time; returns what tells that it has begun."""
    started = site.scratch / "started"
    inventory = yaml.safe_load(site.place.inventory.read_text(encoding="utf-8"))
    host = inventory["web"]["hosts"]["web1"]
    first = host["restart_service_command"]
    host["restart_service_command"] = ["/bin/sh", "-c", f'touch {started}; sleep {seconds}; exec "$@"', "sh", *first]
    site.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return started


def _say(site: AwxSite, word: str, incident: str) -> None:
    program = [sys.executable, "-m", "breakglass.cli.main"]
    said = [*program, word, incident, "--reason", "a test", "--settings", str(site.place.settings)]
    done = subprocess.run(said, env={**os.environ, **site.environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
