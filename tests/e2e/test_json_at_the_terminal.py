# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs read of the commands that ask a runner: one JSON document, and nothing else on standard output; and how waiting is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
from tests.e2e.test_approvals import POLICY
from tests.e2e.test_ssh_at_the_terminal import typing
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

WISH = ("request", "web-operator", "--host", "web1", "--reason", "locks on orders", "--time-box", "3m")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(f"{POLICY}\npeople: {{operators: [ops]}}\n") as made:
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
    steps = [json.loads(line) for line in office.run(ada, "watch", request, "--json").stdout.splitlines()]
    assert {step["incident"] for step in steps} == {request}
    assert steps[-1]["kind"] == "incident.closed"
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
