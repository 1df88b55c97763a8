# SPDX-License-Identifier: GPL-3.0-or-later
"""People say yes and no: real identity tokens, real codes, real groups; a grant opens only when the policy is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.office import Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

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
     escalation: on-call}
"""
WISH = {
    "access": "web-operator",
    "hosts": ["web1"],
    "reason": "locks on orders",
    "time_box_seconds": 120,
    "hand_out": True,
}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks, and could approve others."""
    return office.hire("ada", "web-team", "dba")


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He is of both groups."""
    return office.hire("ben", "dba", "security")


@pytest.fixture(scope="module")
def cy(office: Office) -> Member:
    """Security."""
    return office.hire("cy", "security")


def ask(office: Office, who: Member) -> str:
    """A request that waits for approval."""
    status, made = office.call("POST", "/requests", who, WISH)
    assert status == 202, made
    office.site.wait_for(str(made["request"]), "approval.asked")
    return str(made["request"])


def withdraw(office: Office, incident: str, who: Member) -> None:
    """It frees the host."""
    office.call("DELETE", f"/requests/{incident}", who)
    office.site.wait_for(incident, "incident.closed")


def test_two_people_approve_and_the_grant_opens(office: Office, ada: Member, ben: Member, cy: Member) -> None:
    """Each sees what it is about, says yes with a code, and is recorded; then who asked gets the grant, once."""
    incident = ask(office, ada)
    message = office.site.channel.messages[-1]
    assert "ada asks for web-operator on web1" in str(message)
    assert "locks on orders" in str(message)
    status, listed = office.call("GET", "/approvals", ben)
    assert status == 200
    (question,) = (one for one in listed["items"] if one["incident"] == incident)  # type: ignore[attr-defined]
    assert ["still needed", "1 of dba (you count) · 1 of security (you count)"] in question["lines"]
    assert office.answer(incident, ben)[0] == 202
    (given,) = office.site.wait_for(incident, "approval.given")
    assert (given.body["by"], given.body["digest"]) == ("ben", question["digest"])
    assert office.call("GET", f"/requests/{incident}", ada)[1]["state"] == "approving"
    assert office.answer(incident, cy)[0] == 202
    office.site.wait_for(incident, "play.intent")
    assert "wrapped" in str(office.call("GET", f"/requests/{incident}", ada)[1].get("grant"))
    withdraw(office, incident, ada)
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True


def test_a_no_is_told_to_who_asked(office: Office, ada: Member, ben: Member) -> None:
    """With its reason; nothing opens."""
    incident = ask(office, ada)
    assert office.answer(incident, ben, yes=False, reason="not during the sale")[0] == 202
    office.site.wait_for(incident, "incident.closed")
    standing = office.call("GET", f"/requests/{incident}", ada)[1]
    assert "not during the sale" in str(standing["why"])
    assert not [event for event in office.site.events(incident) if event.kind == "grant.intent"]


def test_nobody_approves_themselves(office: Office, ada: Member) -> None:
    """Neither by the entity that asked, nor by another one of the same person."""
    incident = ask(office, ada)
    other = office.hire("ada-admin", "security", person="ada")
    for member in (ada, other):
        status, said = office.answer(incident, member, code="00000000")
        assert (status, "nobody approves themselves" in str(said["detail"])) == (409, True)
    withdraw(office, incident, ada)


def test_one_person_counts_once(office: Office, ada: Member, ben: Member) -> None:
    """Although he is in both groups."""
    incident = ask(office, ada)
    assert office.answer(incident, ben)[0] == 202
    office.site.wait_for(incident, "approval.given")
    status, said = office.answer(incident, ben, code="00000000")
    assert (status, "counts once" in str(said["detail"])) == (409, True)
    withdraw(office, incident, ada)


def test_a_code_is_good_once(office: Office, ada: Member, cy: Member) -> None:
    """Not even for another question."""
    first = ask(office, ada)
    code = cy.code()
    assert office.answer(first, cy, code=code)[0] == 202
    withdraw(office, first, ada)
    second = ask(office, ada)
    status, said = office.answer(second, cy, code=code)
    assert (status, "used before" in str(said["detail"])) == (403, True)
    withdraw(office, second, ada)


def test_guessing_is_locked(office: Office, ada: Member) -> None:
    """After five wrong codes also the right one is refused, and Vault is not asked any more."""
    eve = office.hire("eve", "security")
    incident = ask(office, ada)
    for wrong in range(5):
        assert office.answer(incident, eve, code=f"0000000{wrong}")[0] == 403
    status, said = office.answer(incident, eve)
    assert (status, "locked after 5 wrong codes" in str(said["detail"])) == (429, True)
    withdraw(office, incident, ada)


def test_who_leaves_the_group_before_the_grant_opens_does_not_count(office: Office, ada: Member, cy: Member) -> None:
    """The groups are asked for again at the grant: nothing opens."""
    dan = office.hire("dan", "dba")
    incident = ask(office, ada)
    assert office.answer(incident, dan)[0] == 202
    office.site.wait_for(incident, "approval.given")
    office.leave(dan, "dba")
    assert office.answer(incident, cy)[0] == 202
    office.site.wait_for(incident, "incident.closed")
    standing = office.call("GET", f"/requests/{incident}", ada)[1]
    assert "dan approved it, and may no longer" in str(standing["why"])
    assert not [event for event in office.site.events(incident) if event.kind == "grant.minted"]


def test_an_answer_to_another_plan_is_refused(office: Office, ada: Member, ben: Member) -> None:
    """What was shown must be what runs."""
    incident = ask(office, ada)
    status, said = office.answer(incident, ben, digest="0" * 64, code="00000000")
    assert (status, "look again" in str(said["detail"])) == (409, True)
    withdraw(office, incident, ada)


def test_strangers_see_nothing(office: Office, ada: Member) -> None:
    """Who may neither ask nor approve is told of no question."""
    mallory = office.hire("mallory", factor=False)
    incident = ask(office, ada)
    assert office.call("GET", f"/approvals/{incident}", mallory)[0] == 404
    assert office.call("GET", "/approvals", mallory)[1] == {"items": [], "next": None}
    assert office.call("GET", "/approvals", "not.a.token")[0] == 401
    withdraw(office, incident, ada)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"yes": 1}', b'{"yes": true, "code": 7}', b'{"yes": true, "more": 1}', b'"x"'],
)
def test_bad_answers_are_refused(office: Office, ben: Member, body: bytes) -> None:
    """With 400 and a sentence."""
    import json  # noqa: PLC0415

    try:
        content = json.loads(body)
    except ValueError:
        content = body.decode()
    status, said = office.call("POST", "/approvals/INC-X", ben, content)
    assert (status, bool(said["detail"])) == (400, True)
