# SPDX-License-Identifier: GPL-3.0-or-later
"""More time for a session is a new approval: real sessions on a real sshd that live past their first end, or do not."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.session_site import granted, processes_with, session_office, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office
    from tests.support.session_site import Terminal

pytestmark = pytest.mark.slow

POLICY = """
approvals:
  dba:
    require: [{count: 1, from: [dba]}]
    notify: [on-call]
    within: 10m
requests:
  - {name: web-at-once, who: [web-lead], access: web-operator, approval: automatic, time_box: 10m, escalation: on-call}
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: dba, time_box: 10m, escalation: on-call,
     override: {who: [web-team], review_within: 1h}}
"""


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with session_office(POLICY) as (made, _host):
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """Who asks needs approval."""
    made = office.hire("ada", "web-team")
    office.log_in(made)
    return made


@pytest.fixture(scope="module")
def lea(office: Office) -> Member:
    """Who asks needs none."""
    return office.hire("lea", "web-lead")


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He approves."""
    return office.hire("ben", "dba")


@pytest.fixture(scope="module")
def cy(office: Office) -> Member:
    """She approves, too: a code of each in the same half minute."""
    return office.hire("cy", "dba")


def opened(office: Office, who: Member, ben: Member, seconds: int) -> str:
    """A request of theirs that was approved and is open."""
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "locks on orders", "time_box_seconds": seconds}
    status, made = office.call("POST", "/requests", who, wish)
    assert status == 202, made
    request = str(made["request"])
    approve(office, request, ben)
    office.site.wait_for(request, "play.intent")
    return request


def approve(office: Office, request: str, ben: Member) -> None:
    """He says yes."""
    office.site.wait_for(request, "approval.asked")
    assert office.answer(request, ben)[0] == 202


def extension(office: Office, who: Member, request: str, **wanted: object) -> str:
    """More time is asked for."""
    status, made = office.call("POST", f"/requests/{request}/extension", who, wanted)
    assert status == 202, made
    return str(made["request"])


def ready(session: Terminal, word: str) -> None:
    """Something runs there that would outlive its shell."""
    session.type(f"setsid sleep {word} & echo ready-$((40 + 2))\n")
    session.wait_for("ready-42")


def end_of(office: Office, request: str) -> datetime:
    """When the grant dies by itself, as it was recorded."""
    return datetime.fromisoformat(str(office.site.wait_for(request, "grant.minted")[0].body["expires_at"]))


def closed(office: Office, request: str) -> str:
    """How it ended; its grant is proven gone."""
    if [event for event in office.site.events(request) if event.kind == "grant.minted"]:
        assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
    return str(office.site.wait_for(request, "incident.closed")[0].body["result"])


def test_an_extension_without_an_approval_gets_nothing(office: Office, ada: Member, ben: Member) -> None:
    """It waits for people like the first; the session ends with the first end, and then there is nothing to extend."""
    request = opened(office, ada, ben, 25)
    with terminal(office, ada, request) as session:
        ready(session, "70100")
        more = extension(office, ada, request, time_box_seconds=120)
        office.site.wait_for(more, "approval.asked")
        assert office.call("GET", f"/requests/{more}", ada)[1]["state"] == "approving"
        assert "the time box" in str(session.wait_for_end(60)["ended"])
    assert closed(office, request) == "returned"
    if (
        closed(office, more) == "cancelled"
    ):  # or its question was over a moment before, for it ends with the first grant
        (given,) = office.site.wait_for(more, "order.given")
        assert (given.body["by"], "nothing to extend" in str(given.body["why"])) == (request, True)
    else:
        assert closed(office, more) == "refused"
    assert not [event for event in office.site.events(more) if event.kind == "grant.minted"]
    assert processes_with("70100") == []


def test_an_extension_that_is_denied_leaves_the_first_end(office: Office, ada: Member, ben: Member, cy: Member) -> None:
    """Who asked is told; their session goes on until its end, and no longer."""
    request = opened(office, ada, ben, 40)
    with terminal(office, ada, request) as session:
        ready(session, "70200")
        more = extension(office, ada, request, time_box_seconds=120)
        office.site.wait_for(more, "approval.asked")
        assert office.answer(more, cy, yes=False, reason="enough")[0] == 202
        assert closed(office, more) == "refused"
        session.type("echo still-$((40 + 2))\n")
        session.wait_for("still-42")
        assert "the time box" in str(session.wait_for_end(60)["ended"])
    assert closed(office, request) == "returned"
    assert datetime.now(UTC) < end_of(office, request) + timedelta(seconds=30)


def test_an_approved_extension_lets_a_session_live_to_the_second_end(
    office: Office, ada: Member, ben: Member, cy: Member
) -> None:
    """Past the first end, in a record of its own; the first grant is proven gone at once, and the host is never free."""
    request = opened(office, ada, ben, 45)
    with terminal(office, ada, request) as session:
        ready(session, "70300")
        more = extension(office, ada, request, time_box_seconds=60)
        question = office.call("GET", f"/approvals/{more}", cy)[1]
        assert f"extends {request}" in " ".join(" ".join(line) for line in question["lines"])  # type: ignore[attr-defined]
        approve(office, more, cy)
        session.wait_for_notice(f"extended by {more}")
        assert closed(office, request) == "returned"
        first, second = end_of(office, request), end_of(office, more)
        assert second > first
        while datetime.now(UTC) < first + timedelta(seconds=3):
            time.sleep(0.2)
        session.type("echo alive-$((40 + 2))\n")
        session.wait_for("alive-42")
        blocked = office.call(
            "POST",
            "/requests",
            ada,
            {
                "access": "web-operator",
                "hosts": ["web1"],
                "reason": "another",
                "time_box_seconds": 60,
                "override": True,
            },
        )[1]["request"]
        assert more in str(waits_for(office, ada, str(blocked)))
        office.call("DELETE", f"/requests/{blocked}", ada)
        assert "the time box" in str(session.wait_for_end(90)["ended"])
    assert datetime.now(UTC) >= second - timedelta(seconds=1)
    assert closed(office, more) == "returned"
    assert processes_with("70300") == []
    (continued,) = [event for event in office.site.events(request) if event.kind == "session.continued"]
    (begun,) = [event for event in office.site.events(more) if event.kind == "session.opened"]
    assert (more in str(continued.body["stream"]), request in str(begun.body["continues"])) == (True, True)
    shown = "".join(str(event.body["text"]) for event in office.site.events(more) if event.kind == "session.output")
    assert "alive-42" in shown
    assert office.site.verify().exit_code == 0


def waits_for(office: Office, who: Member, request: str) -> object:
    """Why a request does not go on."""
    until = time.monotonic() + 20
    while not (why := office.call("GET", f"/requests/{request}", who)[1]["why"]):
        assert time.monotonic() < until
        time.sleep(0.2)
    return why


def test_without_people_it_extends_at_once_and_again(office: Office, lea: Member) -> None:
    """Where the policy asks nobody; giving back what was extended gives all of it back."""
    request = granted(office, lea, 60)
    with terminal(office, lea, request) as session:
        ready(session, "70400")
        second = extension(office, lea, request, time_box_seconds=100)
        session.wait_for_notice(f"extended by {second}")
        assert closed(office, request) == "returned"
        third = extension(office, lea, second, time_box_seconds=200)
        session.wait_for_notice(f"extended by {third}")
        assert closed(office, second) == "returned"
        assert office.call("GET", f"/requests/{second}", lea)[1]["extended_by"] == third
        assert office.call("DELETE", f"/requests/{request}", lea)[0] == 204
        assert "given back" in str(session.wait_for_end()["ended"])
    assert closed(office, third) == "returned"
    assert processes_with("70400") == []


def test_what_is_refused_at_once(office: Office, ada: Member, lea: Member) -> None:
    """Somebody else's, longer than the policy allows, shorter than what is open anyway, twice at once, and what is over."""
    request = granted(office, lea, 60)

    def refused(who: Member, status: int, says: str, **wanted: object) -> None:
        found, said = office.call("POST", f"/requests/{request}/extension", who, wanted)
        assert (found, says in str(said["detail"])) == (status, True), said

    refused(ada, 404, "no request of this id that is yours")
    refused(lea, 403, "opens for 600 s at most", time_box_seconds=601)
    refused(lea, 403, "anyway", time_box_seconds=5)
    refused(lea, 400, "whole number", time_box_seconds="30m")
    refused(lea, 400, "with the fields", hosts=["web2"])
    office.call("DELETE", f"/requests/{request}", lea)
    closed(office, request)
    refused(lea, 403, "nothing to extend", time_box_seconds=60)


def test_at_the_command_line(office: Office, ada: Member, ben: Member) -> None:
    """It says what it asks, waits, and says until when; an override is judged like any other."""
    request = opened(office, ada, ben, 60)
    done = office.run(ada, "extend", request, "--time-box", "2m", "--override", "--wait", "--reason", "still locked")
    assert (done.returncode, "Extended until" in done.stdout) == (0, True), done.stdout + done.stderr
    more = str(office.call("GET", f"/requests/{request}", ada)[1]["extended_by"])
    assert f"Asked as {more}." in done.stdout
    assert office.site.wait_for(more, "override.used")[0].body["why"] == "still locked"
    assert more in str(office.call("GET", "/reviews", ben)[1])
    assert office.run(ada, "release", more).returncode == 0
    assert closed(office, more) == "returned"
    late = office.run(ada, "extend", request)
    assert (late.returncode, "nothing to extend" in late.stderr) == (1, True), late.stderr
