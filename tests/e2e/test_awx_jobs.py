# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of AWX, without AWX: jobs that are prepared, sent and run as it does that, on real parts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import PROVEN, await_truth
from tests.support.awx.credential import Credential, CredentialType
from tests.support.awx.image import NAME
from tests.support.awx.site import AwxSite
from tests.support.receivers.dialects import JsonLines
from tests.support.receivers.http_receiver import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.awx.job import AwxJob

pytestmark = pytest.mark.slow

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHORT_LIFE_SECONDS = 120
UNSIGNED = 1  # nobody was left to sign the ledger; what was changed would be 2


@pytest.fixture
def site() -> Iterator[AwxSite]:
    """An installation of its own, whose service is down."""
    with AwxSite() as running:
        running.service.kill()
        yield running


@pytest.mark.parametrize("newest", [False, True])
def test_a_job_repairs_a_host_and_leaves_nothing_but_its_record(site: AwxSite, newest: bool) -> None:  # noqa: FBT001
    """With the image's callback, or, in an AWX that overrides it, with the project's; login by a wrapped secret id."""
    login = site.login(wrapped=True)
    with site.job(credentials=[login], newest=newest, workflow=(9, "Repair the shop")) as job:
        job.start().wait()
        assert job.status == "successful", job.stdout
        assert login.given["wrapped_secret_id"] not in job.stdout
    assert site.service_answers()
    (opened,), (revoked,) = site.bodies("grant.opened"), site.bodies("grant.revoked")
    assert (opened["reason"], opened["ticket"]) == ("the shop is down", "OPS-4711")
    assert revoked["proven"] is True
    assert site.living(opened["accessor"]) is None
    assert site.leftovers() == []
    verified = site.verified()
    assert verified.exit_code == 0, verified.text()


def test_every_record_names_the_job(site: AwxSite) -> None:
    """Job, template, who launched it, workflow and image; the first record says all that AWX told."""
    with site.job(workflow=(9, "Repair the shop")) as job:
        job.start().wait()
        number = str(job.order.number)
    started = site.bodies("run.started")[0]
    assert started["door"] == "awx"
    assert started["awx"].items() >= {"workflow_job_name": "Repair the shop", "execution_node": "node-1"}.items()  # type: ignore[attr-defined]
    told = {
        "job_id": number,
        "job_template_id": "12",
        "job_template_name": "Restart service (breakglass)",
        "user_name": "ada",
        "workflow_job_id": "9",
        "execution_environment": NAME,
    }
    records = [*site.records("play-1"), *site.records("credentials-1")]
    assert {record["kind"] for record in records} >= {"task.result", "credential.obtained", "grant.revoked"}
    assert all(record["body"]["awx"].items() >= told.items() for record in records)  # type: ignore[index]


def test_the_page_of_a_job_begins_and_ends_with_its_grant(site: AwxSite) -> None:
    """Of our own lines the first says what is open until when, and where that is recorded; nothing stands below the last."""
    with site.job() as job:
        job.start().wait()
        lines = [line for line in COLOURS.sub("", job.stdout).splitlines() if line.strip()]
    ours = [line for line in lines if "Grant" in line]
    assert re.fullmatch(r"Grant open until [0-9T:-]+Z \(web-operator\) · RUN-[0-9A-Z]{8} · recorded", ours[0])
    assert ours[-1].startswith(PROVEN)
    assert lines[-1] == ours[-1]
    assert len(ours) == 2


def test_a_job_ends_when_its_records_are_elsewhere(site: AwxSite) -> None:
    """With our credential of the journal nothing is lost with the container: grant's end and checkpoints are there, too."""
    with HttpReceiver(JsonLines()) as receiver:
        sinks = f"siem: {{kind: http, url: '{receiver.url}', format: json_lines, bearer_token_file: SECRET_FILE}}"
        given = {"sinks": sinks, "secret": "s3cret-of-the-siem", "mode": "strict", "flush": "before_exit:60:or_fail"}
        journal = Credential(CredentialType.read("journal"), {**given, "directory": str(site.job_journal)})
        with site.job(credentials=[site.login(), journal]) as job:
            job.start().wait()
            assert job.status == "successful", job.stdout
            kept = set(receiver.kept)
    written = {str(record["id"]) for record in (*site.records("play-1"), *site.records("credentials-1"))}
    assert written <= kept
    assert site.bodies("grant.revoked")
    assert receiver.complaints == []


def test_what_people_type_into_a_survey_is_no_template(site: AwxSite) -> None:
    """AWX marks the texts of a launch, and they are recorded as they were typed."""
    mark = site.scratch / "executed"
    reason = f"{{{{ lookup('pipe', 'touch {mark}') }}}} and $(touch {mark})"
    with site.job({"remediate_reason": reason}) as job:
        job.start().wait()
        assert job.status == "successful", job.stdout
    assert site.bodies("grant.opened")[0]["reason"] == reason
    assert not mark.exists()


def test_check_mode_opens_and_closes_a_grant_and_changes_nothing(site: AwxSite) -> None:
    """A job of the type Check looks at the host under a grant of its own."""
    with site.job(job_type="check") as job:
        job.start().wait()
        assert job.status == "successful", job.stdout
    assert not site.service_answers()
    assert site.bodies("run.started")[0]["check_mode"] is True
    assert site.bodies("grant.revoked")[0]["proven"] is True


def test_a_job_without_the_callback_gets_no_grant(site: AwxSite) -> None:
    """An image and a project that do not enable it: nothing would be recorded, so nothing is opened, and the page says why."""
    with site.job() as job:
        job.order = replace(job.order, playbook="bare.yml")
        job.environment = {**job.environment, "ANSIBLE_CALLBACKS_ENABLED": ""}
        job.project = {
            "ansible.cfg": "",
            "bare.yml": "- ansible.builtin.import_playbook: breakglass.remediation.remediate\n",
        }
        job.start().wait()
        assert job.status == "failed"
        assert "callback breakglass.remediation.audit is not enabled" in job.stdout
    assert not site.job_journal.exists()


def _await_in_flight(site: AwxSite, job: AwxJob) -> None:
    """Until the restart of the service, which takes its time, is under way."""
    await_truth((site.scratch / "started").exists, 60)
    assert not job.is_over()


def _slow(site: AwxSite) -> dict[str, object]:
    return {"restart_service_command": ["/bin/sh", "-c", f"touch {site.scratch / 'started'}; sleep 90"]}


def _time_out(job: AwxJob) -> None:
    """Nothing is done: the template's own timeout ends it."""


ENDS: dict[str, tuple[Callable[[AwxJob], object], set[str]]] = {
    "timeout": (_time_out, {"timeout"}),
    "cancel": (lambda job: job.cancel(), {"canceled"}),
    "kill": (lambda job: job.kill(), {"error", "running"}),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_a_job_ends_its_grant_is_gone_or_dies_by_itself(site: AwxSite, end: str) -> None:
    """Proven gone where the guard lived long enough to prove it, else a token that nobody renews and that ends in two minutes.

    What was in flight is recorded as begun, with no result, and the journal calls its outcome unknown.
    """
    strike, statuses = ENDS[end]
    with site.job(_slow(site), timeout=45 if end == "timeout" else 0) as job:
        job.start()
        _await_in_flight(site, job)
        opened = site.bodies("grant.opened")[0]
        alive = site.living(opened["accessor"])
        assert alive is not None
        assert alive["role"] == "breakglass-short-web-operator"
        strike(job)
        job.wait()
        assert job.status in statuses, job.stdout
    assert _is_over(site, opened["accessor"])
    assert site.case().unknown[-1] == "task restart_service : Restart shop on web1"
    verified = site.verified()
    assert verified.exit_code in {0, UNSIGNED}, verified.text()


def _is_over(site: AwxSite, accessor: object) -> bool:
    """Proven gone, or a token whose end Vault itself will bring, with nobody left who could renew it."""
    left = site.living(accessor)
    if left is None:
        return True
    assert site.bodies("grant.revoked") == []  # nothing was claimed
    return 0 < int(str(left["ttl"])) <= SHORT_LIFE_SECONDS
