# SPDX-License-Identifier: GPL-3.0-or-later
"""A person breaks the glass, from the question to the auditor's report, as they all type it: real Vault, real codes, a real SSH host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.e2e.test_ssh_at_the_terminal import replay, typing
from tests.support.session_site import processes_with, session_office

from breakglass.demo.parts import leave_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office

POLICY = """
approvals:
  dba-and-security:
    require:
      - {count: 1, from: [dba]}
      - {count: 1, from: [security]}
    notify: [on-call]
    within: 10m
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: dba-and-security, time_box: 5m,
     ticket: required, escalation: on-call, override: {who: [web-team], review_within: 1h}}
"""
WHY = ("--reason", "locks on orders", "--ticket", "OPS-4711")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with session_office(POLICY) as (made, _host):
        leave_keys(made.site.environment, made.site.place.keys)
        yield made


def approve(office: Office, who: Member, incident: str) -> str:
    """At a terminal, with the code of this moment; what was shown."""
    person = typing(office, who, "approve", incident)
    person.expect_exact("Code from your authenticator (nothing is shown)")
    shown = str(person.before, "utf-8")
    code = who.code()
    person.sendline(code)
    person.expect_exact("Approved. If the plan changes, this approval is void.")
    assert code not in str(person.before, "utf-8")
    assert ended(person) == 0
    return shown


def ended(person: pexpect.spawn) -> int | None:
    """Its exit status."""
    person.expect(pexpect.EOF)
    person.close()
    return person.exitstatus


@pytest.mark.timeout(400)  # the time box of a session ends in it, and codes are waited for
def test_from_the_question_to_the_report(office: Office) -> None:
    """Two approve with codes, the session ends with its time box, all is proven gone, and the report says so."""
    ada, ben, cy = office.hire("ada", "web-team"), office.hire("ben", "dba"), office.hire("cy", "security")
    for one in (ada, ben, cy):
        office.log_in(one)

    person = typing(office, ada, "ssh", "web1", *WHY, "--time-box", "85s")
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("still needed 1 of dba · 1 of security".encode())
    shown = approve(office, ben, incident)
    for words in (
        " ada (web-team)",
        "locks on orders · OPS-4711",
        "1 of dba (you count) · 1 of security",
        "no other request",
    ):
        assert words in shown
    person.expect_exact("approved ben")
    assert "ben" in approve(office, cy, incident)
    person.expect_exact("Grant open until")
    person.expect_exact("This session is recorded by the runner")
    person.sendline("trap '' HUP TERM; setsid sleep 50900 & echo there-$((40 + 2))")
    person.expect_exact("there-42")
    assert processes_with("50900")
    person.expect_exact("1 minute left. Then this session ends, with all that it has started.")
    person.expect_exact("the time box is over", timeout=120)
    person.expect_exact(f"recorded: breakglass replay {incident}")
    person.expect_exact("Grant revoked, proven.")
    ended(person)
    assert processes_with("50900") == []
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "returned"
    assert b"there-42" in replay(office, incident, "--speed", "1000").stdout

    told = report(office, ada, incident)
    for words in ("ada", "locks on orders", "OPS-4711", "ben", "cy", "gone, proven at", "The journal is intact"):
        assert words in told, told


@pytest.mark.timeout(400)
def test_without_an_approval_to_the_report(office: Office) -> None:
    """Nobody can be waited for: it opens at once, somebody else judges it, and the report says all of it."""
    dora, eve = office.hire("dora", "web-team"), office.hire("eve", "security")
    for one in (dora, eve):
        office.log_in(one)
    asked = office.run(
        dora, "request", "web-operator", "--host", "web1", *WHY, "--time-box", "3m", "--override", "--wait"
    )
    assert asked.returncode == 0, asked.stderr
    worked = office.run(dora, "ssh", "web1", "--", "echo it-is-late")
    assert (worked.returncode, worked.stdout.strip()) == (0, "it-is-late"), worked.stderr
    (due,) = [line for line in office.run(eve, "reviews").stdout.splitlines() if line.startswith("INC-")]
    incident = due.split()[0]
    assert office.run(dora, "release", incident).returncode == 0
    office.site.wait_for(incident, "incident.closed")
    own = office.run(dora, "review", incident, "--verdict", "justified", "--note", "it was right")
    assert (own.returncode, "somebody else judges it" in own.stderr) == (1, True)
    judged = office.run(eve, "review", incident, "--verdict", "justified", "--note", "the shop was down")
    assert judged.returncode == 0, judged.stderr
    until = time.monotonic() + 30
    while "nobody has judged that yet" in (
        told := report(office, dora, incident)
    ):  # it reaches the journal in a moment
        assert time.monotonic() < until, told
    for words in (
        "Override:",
        "locks on orders",
        "gone, proven at",
        "justified",
        "the shop was down",
        "The journal is intact",
    ):
        assert words in told, told


def report(office: Office, who: Member, incident: str) -> str:
    """The auditor's, on the runner's machine, with the verifier's word."""
    place = office.site.place
    where = ("--journal", str(place.journal), "--key", str(place.keys), "--offline")
    made = office.run(who, "audit", "report", incident, *where)
    assert made.returncode in (0, 1), made.stderr
    return made.stdout
