# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for people at a terminal while the runner is away: the wait goes on, Ctrl-C ends it, and the way back is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.e2e.test_approvals import POLICY, withdraw
from tests.e2e.test_handed_out import mine
from tests.support.cut_proxy import CutProxy
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 60
ASKING = ("web-operator", "--host", "web1", "--reason", "locks on orders", "--time-box", "2m")
WAYS = (
    (("request", *ASKING, "--wait"), r"Come back with: breakglass watch INC-"),
    (("with", *ASKING, "--", "true"), r"Come back with the same command"),
)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made, pytest.MonkeyPatch.context() as patch:
        (made.site.scratch / "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(made.site.scratch / "run"))
        yield made


@pytest.fixture(scope="module")
def way(office: Office) -> Iterator[CutProxy]:
    """Between her and the runner."""
    with CutProxy(office.runner.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def ada(office: Office, way: CutProxy) -> Member:
    """She asks, logged in."""
    made = office.hire("ada", "web-team", factor=False)
    done = office.run(made, "login", "--username", "ada", "--runner", way.url, said=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return made


def begun(office: Office, ada: Member, *words: str) -> tuple[pexpect.spawn, str]:
    """A command that waits for people, and its request."""
    command = ["-m", "breakglass.cli.main", *words]
    person = pexpect.spawn(sys.executable, command, env=mine(office, ada), timeout=LIMIT_SECONDS)
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("still needed")
    return person, incident


@pytest.mark.parametrize(("words", "way_back"), WAYS, ids=lambda one: str(one[0]))
def test_the_wait_goes_on_when_the_runner_was_away(
    office: Office, ada: Member, way: CutProxy, words: tuple[str, ...], way_back: str
) -> None:
    """Told once why there is no answer, and how it stands when it is back; Ctrl-C ends the wait, not the request."""
    person, incident = begun(office, ada, *words)
    way.refuse()
    person.expect_exact("Trying again; Ctrl-C ends the wait.")
    way.pass_on()
    person.expect_exact("still needed")
    person.sendintr()
    person.expect(way_back)
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    assert office.call("GET", f"/requests/{incident}?look=true", ada)[1]["state"] == "approving"
    withdraw(office, incident, ada)


def test_nobody_gets_another_access_than_they_name(office: Office, ada: Member) -> None:
    """What she has on the host is for another one: she is told which, and nothing is asked for."""
    person, incident = begun(office, ada, *WAYS[0][0])
    refused = office.run(ada, "ssh", "web1", "--access", "db-admin", "--reason", "x", "--", "true")
    assert (refused.returncode, f"Your {incident} for web-operator on web1 waits" in refused.stderr) == (1, True), (
        refused
    )
    assert f"breakglass release {incident}" in refused.stderr
    (only,) = office.call("GET", "/requests", ada)[1]["items"]  # type: ignore[misc]
    assert only["request"] == incident
    person.sendintr()
    person.expect(pexpect.EOF)
    withdraw(office, incident, ada)


@pytest.mark.parametrize(("words", "way_back"), WAYS, ids=lambda one: str(one[0]))
def test_a_second_ctrl_c_does_not_wait_for_an_answer(
    office: Office, ada: Member, way: CutProxy, words: tuple[str, ...], way_back: str
) -> None:
    """On a line that swallows everything, where an answer may take half a minute to fail."""
    person, incident = begun(office, ada, *words)
    way.hang()
    person.expect([pexpect.TIMEOUT], timeout=2)  # by then it has asked, and is not answered
    person.sendintr()
    person.expect([pexpect.TIMEOUT], timeout=1)
    person.sendintr()
    person.expect(way_back, timeout=5)
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    way.pass_on()
    withdraw(office, incident, ada)


def test_a_login_that_is_over_leaves_the_request_alive(office: Office, ada: Member) -> None:
    """The reason is told, and the way back."""
    person, incident = begun(office, ada, *WAYS[0][0])
    kept = office.site.scratch / "home-ada" / ".local" / "state" / "breakglass" / "login.json"
    token = kept.read_text(encoding="utf-8").partition('"token": "')[2].partition('"')[0]
    office.admin.post("auth/token/revoke", {"token": token})
    person.expect(WAYS[0][1])
    person.expect_exact("Vault no longer knows your login")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    withdraw(office, incident, ada)
