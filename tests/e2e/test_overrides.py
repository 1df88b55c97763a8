# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing without an approval where the policy allows it: everybody who was skipped hears of it, and somebody else judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.office import Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """
approvals:
  security-says-yes:
    require: [{count: 1, from: [security]}]
    notify: [on-call]
    within: 10m
requests:
  - {name: web-by-hand, who: [web-team, duty], access: web-operator, approval: security-says-yes, time_box: 5m,
     escalation: on-call, override: {who: [duty], review_within: 3s}}
"""
WISH = {"access": "web-operator", "hosts": ["web1"], "reason": "the shop is on fire", "time_box_seconds": 60}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She is on duty."""
    return office.hire("ada", "duty", "security")


@pytest.fixture(scope="module")
def cy(office: Office) -> Member:
    """Security."""
    return office.hire("cy", "security")


def test_an_override_opens_at_once_and_is_judged_by_somebody_else(office: Office, ada: Member, cy: Member) -> None:
    """The skipped are told, the review is called for when it is overdue, and ends with a verdict."""
    status, made = office.call("POST", "/requests", ada, {**WISH, "override": True})
    assert status == 202, made
    incident = str(made["request"])
    used = office.site.wait_for(incident, "override.used")[0].body
    assert (used["by"], used["why"], used["skipped"]) == ("ada", "the shop is on fire", ["security"])
    office.site.wait_for(incident, "play.intent")
    assert "grant" not in office.call("GET", f"/requests/{incident}", ada)[1], "its credentials do not leave the runner"
    office.call("DELETE", f"/requests/{incident}", ada)
    office.site.wait_for(incident, "grant.revoked")
    told = office.site.channel.wait_for(lambda message: "OverrideUsed" in message.title, 30)
    assert "ada opened web-operator on web1 without your approval (the shop is on fire)" in told.text
    office.site.channel.wait_for(lambda message: "ReviewOverdue" in message.title, 30)
    (due,) = office.call("GET", "/reviews", cy)[1]["items"]  # type: ignore[misc]
    assert (due["incident"], due["overdue"]) == (incident, True)  # type: ignore[index]
    said = {"verdict": "justified", "note": "there was a fire"}
    status, answer = office.call("POST", f"/reviews/{incident}", ada, said)
    assert (status, "You asked for" in str(answer["detail"])) == (409, True)
    office.log_in(cy)
    assert f"{incident}  ada opened web-operator on web1" in office.run(cy, "reviews").stdout
    done = office.run(cy, "review", incident, "--verdict", "justified", "--note", "there was a fire")
    assert done.returncode == 0, done.stderr
    assert office.call("GET", "/reviews", cy)[1] == {"items": [], "next": None}
    assert office.call("POST", f"/reviews/{incident}", cy, said)[0] == 404
    assert office.site.verify().exit_code == 0


def test_who_may_not_override_is_told_who_may(office: Office) -> None:
    """The policy names groups."""
    eve = office.hire("eve", "web-team")
    status, answer = office.call("POST", "/requests", eve, {**WISH, "override": True})
    assert (status, "the policy lets duty do that" in str(answer["detail"])) == (403, True)


def test_credentials_stay_with_the_runner_unless_the_policy_says_so(office: Office, ada: Member) -> None:
    """Asking for the grant itself is refused, with what to do instead."""
    status, answer = office.call("POST", "/requests", ada, {**WISH, "hand_out": True})
    assert (status, "breakglass ssh" in str(answer["detail"])) == (403, True)


@pytest.mark.parametrize(
    "body", [{"verdict": "fine", "note": "x"}, {"verdict": "justified"}, ["justified"], {"note": 1}]
)
def test_bad_reviews_are_refused(office: Office, cy: Member, body: object) -> None:
    """With 400 and a sentence."""
    status, answer = office.call("POST", "/reviews/INC-X", cy, body)
    assert (status, bool(answer["detail"])) == (400, True)
