# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs read of the commands that ask a runner: one JSON document, and nothing else on standard output; and how waiting is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from threading import Timer
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
import yaml
from tests.e2e.test_approvals import POLICY
from tests.e2e.test_ssh_at_the_terminal import typing
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 60
WISH = ("request", "web-operator", "--host", "web1", "--reason", "locks on orders", "--time-box", "3m")


MORE = """
people: {operators: [ops]}
drills: [{name: shop, trigger: web-service-failed, hosts: [web], check: true}]
tests:
  - name: the shop is restarted
    alert: {alertname: ServiceDown, name: shop, instance: web1}
    expect: {trigger: web-service-failed, hosts: [web1]}
"""


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    override = "escalation: on-call, override: {who: [duty], review_within: 1h}}"
    with open_office(POLICY.replace("escalation: on-call}", override) + MORE) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team")


@pytest.fixture(scope="module")
def approvers(office: Office) -> tuple[Member, Member]:
    """A DBA, logged in, and one of security."""
    ben, cy = office.hire("ben", "dba"), office.hire("cy", "security")
    office.log_in(ben)
    return ben, cy


def told(office: Office, who: Member, *words: str, said: str = "", status: int = 0) -> Any:
    """What a program gets."""
    done = office.run(who, *words, "--json", said=said)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    """What a program gets that reads one object a line."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_request_from_its_login_to_its_end(office: Office, ada: Member, approvers: tuple[Member, Member]) -> None:
    """Each command of it."""
    seen = told(office, ada, "login", "--username", "ada", said=f"{PASSWORD}\n")
    assert (seen["name"], seen["groups"]) == ("ada", ["web-team"])
    assert told(office, ada, "whoami") == seen
    request = told(office, ada, *WISH)["request"]
    office.site.wait_for(request, "approval.asked")
    ben, cy = approvers
    assert [one["incident"] for one in told(office, ben, "approvals")] == [request]
    approved = told(office, ben, "approve", request, said=f"{ben.code()}\n")
    assert (approved["incident"], approved["yes"]) == (request, True)
    assert office.answer(request, cy)[0] == 202
    office.site.wait_for(request, "play.intent")
    extension = told(office, ada, "extend", request, "--time-box", "5m")
    assert extension["extends"] == request
    assert told(office, ada, "release", extension["request"]) == {"request": extension["request"], "given_back": True}
    assert told(office, ada, "release", request)["given_back"] is True
    office.site.wait_for(request, "incident.closed")
    steps = lines(office.run(ada, "watch", request, "--json"))
    assert {step["incident"] for step in steps} == {request}
    assert steps[-1]["kind"] == "incident.closed"
    here = ("--journal", str(office.site.place.journal))
    assert lines(office.run(ada, "watch", request, *here, "--json")) == steps
    assert told(office, ada, "show", request)
    assert told(office, ada, "reviews") == []
    assert told(office, ada, "logout") == {"logged_in": False}


def test_what_operators_do(office: Office) -> None:
    """Hold, lift, revoke, list."""
    otto = office.hire("otto", "ops", factor=False)
    office.log_in(otto)
    held = told(office, otto, "hold", "--host", "web1", "--reason", "disk swap")
    assert held == told(office, otto, "holds")
    assert len(told(office, otto, "hold", "lift", "web1", "--reason", "over")) == 1
    assert told(office, otto, "revoke", "--all", "--reason", "drill") == []
    assert told(office, otto, "hold", "lift", "--all", "--reason", "over")
    assert told(office, otto, "grants") == []
    assert isinstance(told(office, otto, "incidents", "--latest", "5"), list)


def test_who_waits_sees_who_has_approved_and_may_leave(
    office: Office, ada: Member, approvers: tuple[Member, Member]
) -> None:
    """Until when, too; Ctrl-C leaves the request alive, and says how to come back. Nothing of it is on standard output."""
    office.log_in(ada)
    person = typing(office, ada, *WISH, "--wait")
    person.expect(r"Asked as (INC-\w+)")
    request = person.match[1].decode()
    person.expect_exact("still needed")
    person.expect_exact("until")
    assert office.answer(request, approvers[0])[0] == 202
    person.expect_exact("approved ben")
    person.sendintr()
    person.expect_exact(f"{request} goes on without you. Come back with: breakglass watch {request}")
    person.expect_exact(f"breakglass release {request}")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    assert office.answer(request, approvers[1])[0] == 202
    office.site.wait_for(request, "play.intent")
    assert office.run(ada, "release", request).returncode == 0
    office.site.wait_for(request, "incident.closed")


def test_a_request_that_is_denied_while_it_is_waited_for(
    office: Office, ada: Member, approvers: tuple[Member, Member]
) -> None:
    """The document says how it ended, the exit code that it was not opened."""
    office.log_in(ada)
    person = typing(office, ada, *WISH, "--wait", "--json")
    person.expect(r"Asked as (INC-\w+)")
    request = person.match[1].decode()
    person.expect_exact("still needed")
    assert office.answer(request, approvers[0], yes=False)[0] == 202
    person.expect_exact(f'"request": "{request}"')
    person.expect_exact(f"{request} was not opened")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1


def test_a_no_is_told_as_it_was_said(office: Office, ada: Member, approvers: tuple[Member, Member]) -> None:
    """To what, and about which plan."""
    office.log_in(ada)
    request = told(office, ada, *WISH)["request"]
    office.site.wait_for(request, "approval.asked")
    ben = approvers[0]
    (question,) = told(office, ben, "approvals")
    denied = told(office, ben, "deny", request, "--reason", "not now", said=f"{ben.code()}\n")
    assert denied == {"incident": request, "yes": False, "digest": question["digest"]}
    assert office.site.wait_for(request, "approval.denied")[0].body["why"] == "not now"
    office.site.wait_for(request, "incident.closed")


def test_a_review(office: Office, approvers: tuple[Member, Member]) -> None:
    """What is due, and what was judged."""
    dora, ben = office.hire("dora", "web-team", "duty", factor=False), approvers[0]
    office.log_in(dora)
    request = told(office, dora, *WISH, "--override")["request"]
    office.site.wait_for(request, "play.intent")
    assert told(office, dora, "release", request)["given_back"] is True
    office.site.wait_for(request, "incident.closed")
    (due,) = told(office, ben, "reviews")
    assert (due["incident"], due["overdue"]) == (request, False)
    assert "dora" in due["summary"]
    judged = told(office, ben, "review", request, "--verdict", "justified", "--note", "it burned")
    assert judged == {"incident": request, "verdict": "justified"}
    assert told(office, ben, "reviews") == []


def test_all_incidents_of_a_runner_are_watched_by_the_same_fields(office: Office, ada: Member) -> None:
    """As a journal's are, so that a program reads both."""
    otto = office.hire("ottilie", "ops", factor=False)
    office.log_in(otto)
    office.log_in(ada)
    watching = following(office, otto, "watch")
    request = told(office, ada, *WISH)["request"]
    change = json.loads(watching.stdout.readline())  # type: ignore[union-attr]
    ended(watching)
    here = following(office, otto, "watch", "--journal", str(office.site.place.journal))
    assert told(office, ada, "release", request)["given_back"] is True
    step = json.loads(here.stdout.readline())  # type: ignore[union-attr]
    ended(here)
    assert (change["incident"], change["kind"], step["incident"]) == (request, "incident.changed", request)
    assert list(change) == list(step) == ["incident", "at", "kind", "stream", "name", "text"]


def test_the_journal_as_it_goes_on(office: Office, ada: Member) -> None:
    """Each step says whose it is, when it was, and in which stream."""
    office.log_in(ada)
    tail = following(
        office, ada, "audit", "tail", "--journal", str(office.site.place.journal), "--kind", "request.made"
    )
    request = told(office, ada, *WISH)["request"]
    step = json.loads(tail.stdout.readline())  # type: ignore[union-attr]
    ended(tail)
    assert (step["story"], step["kind"], step["stream"]) == (request, "request.made", "runner")
    assert ("ada" in step["text"], step["at"].endswith("+00:00")) == (True, True)
    assert told(office, ada, "release", request)["given_back"] is True


def test_a_drill(office: Office, ada: Member) -> None:
    """How it went, with each phase; and the same in the report."""
    settings = ("--settings", str(office.site.place.settings))
    ran = told(office, ada, "drill", "run", "shop", *settings)
    assert (ran["drill"], ran["host"], ran["check"], ran["result"]) == ("shop", "web1", True, "passed")
    assert not [phase for phase in ran["phases"] if phase["failed"]]
    assert told(office, ada, "drill", "report", *settings) == [ran]


def test_what_is_asked_of_a_policy(office: Office, ada: Member, tmp_path: Path) -> None:
    """Each command's document says what its lines say."""
    place = office.site.place
    settings, policy = ("--settings", str(place.settings)), str(place.policy)
    checked = told(office, ada, "policy", "check", policy, *settings)
    assert (checked["problems"], checked["triggers"], checked["with_settings"]) == ([], 1, True)
    assert told(office, ada, "policy", "diff", policy, policy) == []
    (case,) = told(office, ada, "policy", "test", *settings)
    assert (case["name"], case["wrong"]) == ("the shop is restarted", [])
    can = told(office, ada, "policy", "who-can", "web-operator", *settings)
    assert (can["access"], any("web-by-hand" in line for line in can["lines"])) == ("web-operator", True)
    message = tmp_path / "alert.json"
    message.write_text(json.dumps(office.site.alert()), encoding="utf-8")
    (explained,) = told(office, ada, "policy", "explain", str(message), *settings)
    assert (explained["alert"], explained["labels"]["instance"][:4]) == ("ServiceDown", "web1")
    assert any("web-service-failed" in line for line in explained["lines"])


def test_a_policy_that_is_wrong(office: Office, ada: Member, tmp_path: Path) -> None:
    """Each problem is told with its line, also to programs; what it allows more, with its sentence."""
    policy = yaml.load(office.site.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
    more = tmp_path / "more.yml"
    policy["requests"][0]["time_box"] = "6m"
    more.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    (change,) = told(office, ada, "policy", "diff", str(office.site.place.policy), str(more))
    assert (change["effect"], "web-by-hand" in change["sentence"]) == ("more", True)
    policy["tests"][0]["expect"]["hosts"] = ["web2"]
    more.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    settings = ("--settings", str(office.site.place.settings))
    (case,) = told(office, ada, "policy", "test", *settings, "--policy", str(more), status=1)
    assert any("web2" in sentence for sentence in case["wrong"])
    policy["requests"][0]["access"] = "nothing"
    more.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    wrong = told(office, ada, "policy", "check", str(more), status=1)
    assert any(sentence.startswith(f"{more}:") and "nothing" in sentence for sentence in wrong["problems"])


def test_hosts_and_settings(office: Office, ada: Member, tmp_path: Path) -> None:
    """What a text of an alert means, and whether the settings can be used."""
    place = office.site.place
    found = told(office, ada, "hosts", "explain", "web1:9100", "--settings", str(place.settings))
    assert (found["host"], "web" in found["groups"], found["accesses"]) == ("web1", True, ["web-operator"])
    checked = told(office, ada, "settings", "check", str(place.settings))
    assert checked == {"problems": [], "sources": ["alertmanager"], "channels": ["on-call"]}
    wrong = tmp_path / "settings.yml"
    wrong.write_text(place.settings.read_text(encoding="utf-8").replace("channels:", "chanels:"), encoding="utf-8")
    problems = told(office, ada, "settings", "check", str(wrong), status=1)["problems"]
    assert any(sentence.startswith(f"{wrong}:") and "channels" in sentence for sentence in problems)


def following(office: Office, who: Member, *words: str) -> subprocess.Popen[str]:
    """`breakglass … --json` that goes on until it is ended; it follows already."""
    home = office.site.scratch / f"home-{who.name}"
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "breakglass.cli.main", *words, "--json"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = Timer(LIMIT_SECONDS, process.kill)
    deadline.daemon = True
    deadline.start()
    assert process.stderr is not None
    assert "Ctrl-C ends it." in process.stderr.readline()
    return process


def ended(process: subprocess.Popen[str]) -> None:
    """By Ctrl-C, which is no failure."""
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_SECONDS) == 0
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
