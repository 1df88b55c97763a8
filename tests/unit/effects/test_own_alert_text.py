# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import MINUTE, NOW, make_incident, make_ladder

from breakglass.domain.incident import Escalation, Fault, Incident
from breakglass.domain.own_alerts import OwnAlert, OwnName, course_of
from breakglass.domain.rules import Policy
from breakglass.effects.escalate import Escalate
from breakglass.effects.own_alert_text import REFERENCE, own_alert_text

POLICY = Policy("ab" * 32, {}, (), {"on-call": make_ladder(5 * MINUTE, None)}, escalation="on-call")
ROOT = Path(__file__).parents[3]


def telling(sentence: str = "its token is wrong", about: str = "am", reason: str = "") -> Incident:
    own = OwnAlert(OwnName.SENDER_REFUSED, about, sentence)
    fault = Fault(own.fingerprint, own.name.value, firing=True, starts_at=NOW)
    called = Escalation(reason or sentence, 0, NOW)
    return replace(make_incident(course_of(own, POLICY, [])), faults=(fault,), escalation=called)


def test_what_people_read() -> None:
    """That the runner means itself, what has the trouble, what to do, who is next, and where each alert is explained."""
    text = own_alert_text(telling())
    assert text.subject == "breakglass ITSELF: SenderRefused (am). You are needed. INC-7K2F9X"
    assert text.body.splitlines() == [
        "WHAT      SenderRefused (am), since 2026-11-22 03:12 UTC: the runner tells of itself, no host is meant",
        "WHY       its token is wrong",
        "NEXT      channel-2, unless it is acknowledged or over",
        "ACK       breakglass ack INC-7K2F9X        what each of these means: docs/reference/own-alerts.md",
        "INC-7K2F9X · policy abababab",
    ]
    assert (ROOT / REFERENCE).is_file()


def test_news_since_then() -> None:
    """What called people anew stands beside what is wrong."""
    assert "AND       it fires too" in own_alert_text(telling(reason="it fires too")).body


def test_the_last_rung_promises_nobody() -> None:
    incident = telling()
    assert incident.escalation is not None
    assert "NEXT" not in own_alert_text(replace(incident, escalation=replace(incident.escalation, rung=1))).body


def test_a_runner_without_channels_says_so() -> None:
    """It goes on trying, with a reason."""
    policy = replace(POLICY, escalation="")
    incident = replace(telling(), course=course_of(OwnAlert(OwnName.SENDER_REFUSED, "", "x"), policy, []))
    assert Escalate({}).run(incident).why == "the settings have no channel"


@pytest.mark.parametrize("text", [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)])
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """A reason may hold a piece of what was refused: it makes no line, moves no cursor, and ends."""
    plain, hostile = (
        own_alert_text(telling("x", "x", "y")),
        own_alert_text(telling(text or "x", text or "x", f"y{text}")),
    )
    assert len(hostile.body.split("\n")) == len(plain.body.split("\n"))
    assert hostile.subject.isprintable()
    assert hostile.body.replace("\n", "").isprintable()
    assert len(hostile.subject) < 220
    assert max(map(len, hostile.body.split("\n"))) < 1000
