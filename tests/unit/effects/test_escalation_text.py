# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import HOUR, MINUTE, NOW, make_course, make_incident, make_ladder, make_plan

from breakglass.domain.incident import Attempt, Escalation, Fault, Incident, PlayOutcome, State
from breakglass.effects.escalation_text import escalation_text

DOWN = Fault("f1", "ServiceDown", firing=True, starts_at=NOW - 2 * MINUTE)
FAILED = Attempt(1, "accessor-1", NOW + HOUR, PlayOutcome.FAILED, "Check health failed on web1: no answer", NOW)
TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


def called(
    *attempts: Attempt, faults: tuple[Fault, ...] = (DOWN,), reason: str = "the health check failed"
) -> Incident:
    course = make_course(ladder=make_ladder(5 * MINUTE, None))
    return replace(make_incident(course), faults=faults, attempts=attempts, escalation=Escalation(reason, 0, NOW))


def test_the_subject_alone_must_do() -> None:
    """The subject says what, where, that automation stopped, that a person is needed, and under which name to look."""
    subject = escalation_text(called(FAILED)).subject
    assert subject == "breakglass: ServiceDown on web1 STILL DOWN after 1 repair. You are needed. INC-7K2F9X"


@pytest.mark.parametrize(
    ("attempts", "standing"),
    [
        ((), "is not repaired"),
        ((Attempt(1),), "is not repaired"),
        ((replace(FAILED, outcome=PlayOutcome.NOT_STARTED),), "is not repaired"),
        ((FAILED, replace(FAILED, number=2)), "STILL DOWN after 2 repairs"),
        ((replace(FAILED, outcome=PlayOutcome.UNKNOWN),), "STILL DOWN after 1 repair"),
        ((replace(FAILED, proven_at=None),), "a grant can't be proven gone"),
    ],
)
def test_where_it_stands(attempts: tuple[Attempt, ...], standing: str) -> None:
    """The subject counts the repairs that ran, and an open grant comes first."""
    assert f"on web1 {standing}. You" in escalation_text(called(*attempts)).subject


def test_the_body() -> None:
    """The body says since when, why, what was tried, what is open, what is held and who is next."""
    lines = escalation_text(called(FAILED)).body.splitlines()
    assert lines[0] == "WHAT      ServiceDown on web1, since 2026-11-22 03:10 UTC (trigger service-down)"
    assert lines[1:4] == [
        "WHY       the health check failed",
        "TRIED     attempt 1: failed: Check health failed on web1: no answer",
        "STATE     no grant is open: all were revoked, proven",
    ]
    assert [line.split()[0] for line in lines[4:]] == ["PLAN", "HELD", "TRY", "TRY", "NEXT", "INC-7K2F9X"]
    assert lines[5] == "HELD      web1: no other trigger will work there until this incident is closed"
    assert lines[-2] == "NEXT      no acknowledgement by 03:17 UTC: channel-2, unless the alert resolves before"


def test_what_helps_now_can_be_copied() -> None:
    """To look, to go there; and once automation has stopped, to try again or to say that it is dealt with."""
    lines = escalation_text(replace(called(FAILED), state=State.ESCALATED)).body.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("TRY"))
    assert lines[at : at + 4] == [
        "TRY       breakglass show INC-7K2F9X               all that was done, and why",
        "TRY       breakglass ssh web1                      asks for an access when you have none",
        "TRY       breakglass retry INC-7K2F9X --reason …   the same plan once more",
        "TRY       breakglass close INC-7K2F9X --reason …   when you have dealt with it",
    ]
    assert "retry" not in escalation_text(called(FAILED)).body


def test_nobody_is_next_where_nobody_will_be_called() -> None:
    """The last rung, one whose time is not set, and one that somebody has acknowledged."""
    waiting = called(FAILED)
    assert waiting.escalation is not None
    endless = replace(waiting, course=make_course(ladder=make_ladder(None, None)))
    last = replace(waiting, escalation=replace(waiting.escalation, rung=1))
    known = replace(waiting, escalation=replace(waiting.escalation, acknowledged_by="dan"))
    assert not [one for one in (endless, last, known) if "NEXT" in escalation_text(one).body]


def test_a_host_that_stays_held() -> None:
    """A repair that holds its host is told as one that went well, with what the hold means and how it ends."""
    ran = replace(FAILED, outcome=PlayOutcome.OK, sentence="it ran")
    holding = replace(called(ran), course=make_course(holds_host=True), state=State.VERIFYING)
    text = escalation_text(holding)
    assert text.subject == (
        "breakglass: ServiceDown on web1 was repaired, the host is HELD. You are needed. INC-7K2F9X"
    )
    assert "HELD      web1: nothing else starts there, and other alerts of it wait, until the hold is" in text.body
    assert "THEN      a remediation that releases the host, or: breakglass hold lift HOST --reason …" in text.body
    failed = replace(called(FAILED), course=make_course(holds_host=True))
    assert "until this incident is closed" in escalation_text(failed).body


def test_an_open_grant_is_named() -> None:
    """A grant that is not proven gone is told with the moment of its own end, and not as revoked."""
    body = escalation_text(called(replace(FAILED, proven_at=None))).body
    assert "grant access… is NOT proven gone; it dies by itself at 04:12:09 UTC" in body
    assert "all were revoked" not in body


def test_nothing_is_claimed_that_is_not_so() -> None:
    """An incident that never got to its hosts neither holds them nor had a grant."""
    for incident in (called(), replace(called(), attempts=(Attempt(1),))):
        assert "STATE     no grant was opened" in escalation_text(incident).body
    assert "HELD" not in escalation_text(called()).body
    refused = replace(called(), course=make_course(refusal="unknown-host: web9"))
    assert "ServiceDown on no host is not repaired" in escalation_text(refused).subject
    assert "PLAN" not in escalation_text(refused).body


def test_the_last_rung_promises_nobody() -> None:
    """On the last rung the message names nobody who would come next."""
    incident = called(FAILED)
    assert "NEXT" not in escalation_text(replace(incident, escalation=replace(incident.escalation, rung=1))).body


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """No text from outside makes a line, moves the cursor, turns the direction, or is longer than its place."""
    attempt = replace(FAILED, sentence="x", evidence=("x",))
    plain = escalation_text(called(attempt, faults=(replace(DOWN, name="x", says="x"),), reason="x"))
    attempt = replace(FAILED, sentence=text, evidence=(text,))
    hostile = escalation_text(called(attempt, faults=(replace(DOWN, name=text, says=text or "x"),), reason=text))
    assert len(hostile.body.split("\n")) == len(plain.body.split("\n"))
    assert hostile.subject.isprintable()
    assert hostile.body.replace("\n", "").isprintable()
    assert len(hostile.subject) < 300
    assert max(map(len, hostile.body.split("\n"))) < 400
    assert hostile.subject.endswith("You are needed. INC-7K2F9X")


def test_a_thousand_alerts_and_hosts() -> None:
    """The subject stays short enough to be read on a telephone, however much there is to name."""
    faults = tuple(replace(DOWN, name=f"Alert{number}") for number in range(1000))
    incident = replace(called(faults=faults), course=make_course(plan=make_plan(*[f"web{n}" for n in range(500)])))
    text = escalation_text(incident)
    assert len(text.subject) < 350
    assert text.subject.endswith("You are needed. INC-7K2F9X")
    assert len(text.body) < 3000


def test_the_same_name_is_said_once() -> None:
    """Several alerts of one name are one name in the message."""
    incident = called(faults=(DOWN, replace(DOWN, fingerprint="f2"), replace(DOWN, name="DiskFull", fingerprint="f3")))
    assert escalation_text(incident).subject.startswith("breakglass: ServiceDown, DiskFull on web1 ")


def test_the_page_is_named_where_there_is_one() -> None:
    """A person signs in there and says that they have it; without `public_url` there is none."""
    page = "https://breakglass.example.com/approvals/INC-7K2F9X"
    assert f"ACK       {page}" in escalation_text(called(FAILED), page).body.splitlines()
    assert "ACK" not in escalation_text(called(FAILED)).body


def test_what_is_known_and_where_it_is_written() -> None:
    """The alert's own words, the evidence that the repair kept, and the runbook of the policy."""
    kept = replace(FAILED, evidence=("web1: /var/lib/breakglass/evidence/1.json, SHA-256 51c0ab3e…",))
    incident = called(kept, faults=(replace(DOWN, says="port 443 is in use"),))
    lines = escalation_text(
        replace(incident, course=replace(incident.course, runbook="https://wiki/x"))
    ).body.splitlines()
    assert "EVIDENCE  the alert says: port 443 is in use" in lines
    assert "EVIDENCE  web1: /var/lib/breakglass/evidence/1.json, SHA-256 51c0ab3e…" in lines
    assert "RUNBOOK   https://wiki/x" in lines
