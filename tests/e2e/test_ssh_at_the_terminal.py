# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass ssh` and `replay` as people type them, at real pseudo-terminals: ask, two approve, work, end, look again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.support.session_site import processes_with, session_office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office

pytestmark = pytest.mark.slow

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
     ticket: required, escalation: on-call}
"""
LIMIT_SECONDS = 60
EVIL = "\\033]0;owned\\007\\033]52;c;cm0=\\007\\033[6n\\033[?1000h"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with session_office(POLICY) as (made, _host):
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks, logged in."""
    made = office.hire("ada", "web-team")
    office.log_in(made)
    return made


@pytest.fixture(scope="module")
def approvers(office: Office) -> tuple[Member, Member]:
    """A DBA, and one of security."""
    return office.hire("ben", "dba"), office.hire("cy", "security")


def typing(office: Office, who: Member, *words: str) -> pexpect.spawn:
    """`breakglass …` at a terminal of this member's own."""
    environment = {**os.environ, "HOME": str(office.site.scratch / f"home-{who.name}"), "TERM": "xterm"}
    environment |= {"COLUMNS": "80", "LINES": "24"}  # of some other terminal
    for name in [name for name in environment if name.startswith(("VAULT_", "BAO_", "BREAKGLASS_", "XDG_"))]:
        del environment[name]
    return pexpect.spawn(
        sys.executable,
        ["-m", "breakglass.cli.main", *words],
        env=environment,
        timeout=LIMIT_SECONDS,
        dimensions=(31, 101),
    )


def replay(office: Office, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`breakglass replay …` on the runner's machine."""
    command = [sys.executable, "-m", "breakglass.cli.main", "replay", *words]
    where = ["--journal", str(office.site.place.journal)]
    return subprocess.run(
        [*command, *where], env={**os.environ, **office.site.environment}, capture_output=True, check=False, timeout=60
    )


def test_a_person_breaks_the_glass_and_two_approve(
    office: Office, ada: Member, approvers: tuple[Member, Member]
) -> None:
    """Asked for reason and ticket, told who has approved, let in, and out again; then everything is gone and on record."""
    person = typing(office, ada, "ssh", "web1")
    person.expect_exact("The policy offers you: web-operator (1 of dba + 1 of security, 5m, ticket)")
    person.expect_exact("Reason")
    person.sendline("locks on orders")
    person.expect_exact("Ticket")
    person.sendline("OPS-4711")
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("still needed")
    ben, cy = approvers
    assert office.answer(incident, ben)[0] == 202
    person.expect_exact("approved ben")
    assert office.answer(incident, cy)[0] == 202
    person.expect_exact("Grant open until")
    person.expect_exact("This session is recorded by the runner")
    person.sendline("stty size; echo $TERM-$((40 + 2))")
    person.expect_exact("31 101")
    person.expect_exact("xterm-42")
    person.sendline("sleep 50100")
    while not processes_with("50100"):
        person.expect([".+", pexpect.TIMEOUT], timeout=0.2)
    person.sendcontrol("c")
    person.sendline("setsid sleep 50200 & echo after-$((40 + 3))")
    person.expect_exact("after-43")
    person.setwinsize(40, 120)
    person.sendline("until stty size | grep '40 120'; do :; done")
    person.expect_exact("40 120")
    person.sendline("exit 6")
    person.expect_exact(f"recorded: breakglass replay {incident}")
    person.expect_exact("Grant revoked, proven.")
    person.expect(pexpect.EOF)
    person.close()
    assert (person.exitstatus, processes_with("50100"), processes_with("50200")) == (6, [], [])
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    office.site.wait_for(incident, "incident.closed")
    looked = replay(office, incident, "--speed", "1000")
    assert looked.returncode == 0, looked.stderr
    assert b"after-43" in looked.stdout


def test_ctrl_c_while_waiting_leaves_the_request_alive(
    office: Office, ada: Member, approvers: tuple[Member, Member]
) -> None:
    """She is told how to come back, comes back to the same request, and runs one command."""
    words = ("--reason", "disk is full", "--ticket", "OPS-1", "--time-box", "2m")
    person = typing(office, ada, "ssh", "web1", *words)
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("still needed")
    person.sendintr()
    person.expect_exact("Come back with: breakglass ssh web1")
    person.expect(pexpect.EOF)
    for one in approvers:
        assert office.answer(incident, one)[0] == 202
    office.site.wait_for(incident, "play.intent")
    done = office.run(ada, "ssh", "web1", "--", f"printf '{EVIL}safe'; cat; exit 4", said="piped")
    assert (done.returncode, "safepiped" in done.stdout) == (4, True), done.stderr
    assert f"Your grant {incident} is open" in done.stderr
    assert office.run(ada, "release", incident).returncode == 0
    office.site.wait_for(incident, "incident.closed")
    played = replay(office, incident, "--speed", "1000").stdout
    assert b"safepiped" in played
    for dangerous in (b"\x1b]", b"owned", b"\x1b[6n", b"\x1b[?1000h"):
        assert dangerous not in played
    plain = replay(office, incident, "--plain").stdout
    assert b"\\x1b]0;owned\\x07" in plain
    path = office.site.scratch / "session.cast"
    assert replay(office, incident, "--export", str(path)).returncode == 0
    header, *events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (header["version"], [event[1] for event in events]) == (2, ["o"] * len(events))
    assert "\x1b]0;owned\x07" in "".join(event[2] for event in events)


def test_nothing_is_offered_to_who_may_not_ask(office: Office, approvers: tuple[Member, Member]) -> None:
    """And nothing is asked for them."""
    ben = approvers[0]
    office.log_in(ben)
    refused = office.run(ben, "ssh", "web1")
    assert (refused.returncode, "The policy offers you: none" in refused.stderr) == (1, True)


def test_a_changed_record_is_not_played(office: Office, ada: Member, approvers: tuple[Member, Member]) -> None:
    """The verifier names the record; nothing of it is shown."""
    words = ("--reason", "look", "--ticket", "OPS-2", "--time-box", "2m")
    person = typing(office, ada, "ssh", "web1", *words, "--", "echo genuine")
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("still needed")
    for one in approvers:
        assert office.answer(incident, one)[0] == 202
    person.expect_exact("genuine")
    person.expect(pexpect.EOF)
    office.site.wait_for(incident, "incident.closed")
    path = next(office.site.place.journal.glob(f"*/*/*/{incident}/session-1.jsonl"))
    before = path.read_bytes()
    path.write_bytes(before.replace(b"genuine", b"falsely"))
    refused = replay(office, incident, "--offline")
    path.write_bytes(before)
    assert (refused.returncode, b"not as it was written" in refused.stderr) == (1, True)
    assert b"falsely" not in refused.stdout
