# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook waits on people: `access_request` asks a real runner, ben approves with a real code, `grant` opens what was approved."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import OperatorRun, await_truth, play
from tests.support.cut_proxy import CutProxy
from tests.support.office import open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office

pytestmark = pytest.mark.slow

POLICY = """
approvals:
  dba:
    require: [{count: 1, from: [dba]}]
    notify: [on-call]
    within: 10m
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: dba, time_box: 10m, ticket: required,
     escalation: on-call}
"""
ASK = """
    - name: Ask
      breakglass.remediation.access_request:
        runner_url: "{url}"
        access: web-operator
        hosts: [web1]
        reason: the shop answers 502
        ticket: OPS-4711
        time_box: 2m
        wait: {wait}
      register: asked
    - name: Keep what came of it
      ansible.builtin.copy: {{content: "{{{{ asked }}}}", dest: "{kept}", mode: "0600"}}
      check_mode: false
"""
OPEN = """
    - name: Open what was approved
      breakglass.remediation.grant:
        runner_url: "{url}"
        request: "{{{{ asked.request }}}}"
        access: web-operator
        time_box: "{box}"
        reason: the shop answers 502
        runner_wait: 20s
      register: opened
    - name: A certificate
      breakglass.remediation.ssh_certificate: {{hosts: [web1]}}
"""
ASKED = re.compile(r"access_request: (INC-\w+) approving: approval by 1 of dba")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """Whose login runs playbooks."""
    return office.hire("ada", "web-team")


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He approves."""
    return office.hire("ben", "dba")


@pytest.fixture
def run(office: Office, ada: Member) -> Iterator[OperatorRun]:
    """A run with Ada's login."""
    with OperatorRun(office.site) as made:
        made.environment["VAULT_TOKEN"] = ada.token
        made.environment["PYTHONUNBUFFERED"] = "1"  # its lines come at once also where it writes into a file
        yield made


def begin(office: Office, run: OperatorRun, box: str = "", wait: str = "5m", url: str = "") -> str:
    """Start the playbook; the request that it waits on."""
    text = ASK.format(url=url or office.runner.url, wait=wait, kept=run.directory / "asked.json")
    text += OPEN.format(url=office.runner.url, box=box) if box else ""
    run.start(str(run.write("play.yml", play(text))))
    await_truth(lambda: ASKED.search(run.text) or run.process is None or run.process.poll() is not None, 40)
    found = ASKED.search(run.text)
    assert found, run.text
    return found[1]


def ended(run: OperatorRun) -> int:
    """Its exit code."""
    assert run.process
    return run.process.wait(100)


def test_a_playbook_waits_for_people_and_opens_what_they_approved(
    office: Office, ada: Member, ben: Member, run: OperatorRun
) -> None:
    """Told what it waits for, it returns who said yes; the grant is taken up by another task, and given back at the end."""
    request = begin(office, run, "2m")
    office.site.wait_for(request, "approval.asked")
    assert office.answer(request, ben)[0] == 202
    assert ended(run) == 0, run.text
    asked = json.loads((run.directory / "asked.json").read_text(encoding="utf-8"))
    assert (asked["request"], asked["access"], asked["hosts"], asked["time_box"]) == (
        request,
        "web-operator",
        ["web1"],
        "120s",
    )
    (vote,) = asked["approved_by"]
    assert (asked["approval"], vote["person"], vote["groups"]) == ("dba", "ben", ["dba"])
    assert office.site.wait_for(request, "grant.handed_out")[0].body["by"] == "ada"
    assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
    assert office.site.wait_for(request, "incident.closed")[0].body["result"] == "returned"
    made = [event for event in office.site.events(request) if event.kind == "request.made"]
    assert len(made) == 1
    run.assert_nothing_left()
    assert office.site.verify().exit_code == 0


def test_a_no_fails_the_task_with_its_reason(office: Office, ada: Member, ben: Member, run: OperatorRun) -> None:
    """And nothing was opened."""
    request = begin(office, run, "2m")
    office.site.wait_for(request, "approval.asked")
    assert office.answer(request, ben, yes=False, reason="not during the sale")[0] == 202
    assert ended(run) == 2
    said = " ".join(run.text.split())
    assert f"{request} was not approved or could not be opened: ben denied it: not during the sale." in said
    assert not [event for event in office.site.events(request) if event.kind == "grant.minted"]


def test_a_playbook_waits_on_while_the_runner_is_away(
    office: Office, ada: Member, ben: Member, run: OperatorRun
) -> None:
    """As at a restart: it says so, and takes up what was approved meanwhile."""
    with CutProxy(office.runner.url) as way:
        request = begin(office, run, "2m", url=way.url)
        office.site.wait_for(request, "approval.asked")
        way.refuse()
        await_truth(lambda: "Trying again." in run.text, 40)
        assert office.answer(request, ben)[0] == 202
        way.pass_on()
        assert ended(run) == 0, run.text
    assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
    office.site.wait_for(request, "incident.closed")


def test_what_nobody_decides_in_time_is_withdrawn(office: Office, ada: Member, run: OperatorRun) -> None:
    """The task fails with who is missing, and the host is free again."""
    request = begin(office, run, wait="3s")
    assert ended(run) == 2
    assert f"Nobody has decided about {request} within 3 s" in " ".join(run.text.split())
    assert office.site.wait_for(request, "incident.closed")[0].body["result"] == "resolved-by-itself"


def test_only_what_was_asked_for_is_opened(office: Office, ada: Member, ben: Member, run: OperatorRun) -> None:
    """Another time box than the approved one is refused before anything is taken; the grant is closed by who lent it."""
    request = begin(office, run, "3m")
    office.site.wait_for(request, "approval.asked")
    assert office.answer(request, ben)[0] == 202
    assert ended(run) == 2
    assert f"{request} is for the access web-operator and 120 s, not for web-operator and 180 s." in " ".join(
        run.text.split()
    )
    assert not [event for event in office.site.events(request) if event.kind == "grant.handed_out"]
    office.call("DELETE", f"/requests/{request}", ada)
    office.site.wait_for(request, "incident.closed")


def test_check_mode_says_what_it_would_ask(office: Office, run: OperatorRun) -> None:
    """And asks nobody."""
    before = set(office.site.states())
    text = ASK.format(url=office.runner.url, wait="5m", kept=run.directory / "asked.json")
    run.playbook(play(text), "--check")
    assert run.code == 0, run.text
    asked = json.loads((run.directory / "asked.json").read_text(encoding="utf-8"))
    assert (asked["changed"], asked["request"]) == (True, "")
    assert "would be asked for web-operator on web1 for 120 s: the shop answers 502" in asked["msg"]
    assert set(office.site.states()) == before


def test_who_may_not_ask_is_told_at_once(office: Office, run: OperatorRun) -> None:
    """By the policy's sentence."""
    run.environment["VAULT_TOKEN"] = office.hire("eve", "dba").token
    text = ASK.format(url=office.runner.url, wait="5m", kept=run.directory / "asked.json")
    run.playbook(play(text))
    assert (run.code, "eve is in none of the groups that may ask" in " ".join(run.text.split())) == (2, True)
