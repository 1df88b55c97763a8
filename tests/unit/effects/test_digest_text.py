# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import DAY, HOUR, MINUTE, NOW, SECOND, make_course, make_incident
from tests.unit.effects.test_own_alert_text import telling

from breakglass.domain.holds import Hold, Scope
from breakglass.domain.incident import Attempt, Escalation, Fault, Incident, Result, State
from breakglass.domain.rules import Mode
from breakglass.effects.digest_text import MOST_LINES, counts, digest_text
from breakglass.store.digests import Period
from breakglass.store.drills import DrillRun

if TYPE_CHECKING:
    from breakglass.domain.course import Course

DOWN = Fault("f1", "ServiceDown", firing=False, starts_at=NOW)
CALLED = Escalation("the health check failed", 0, NOW, delivered=(0,), acknowledged_by="ben")
HELD = Hold(Scope.HOST, "web2", "new disks", "ada", "", NOW)
TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


def ended(result: Result, course: Course | None = None, **more: object) -> Incident:
    """One that ended with this, ninety seconds after it was opened."""
    made = replace(make_incident(course), state=State.CLOSED, result=result, since=NOW + 90 * SECOND, faults=(DOWN,))
    return replace(made, **more)  # type: ignore[arg-type]


def waits(**more: object) -> Incident:
    return replace(replace(make_incident(), faults=(DOWN,)), **more)  # type: ignore[arg-type]


def period(*incidents: Incident, still: tuple[Incident, ...] = (), unread: int = 0) -> Period:
    return Period(NOW, NOW + DAY, incidents, unread, still)


def drill(result: str, *passages: tuple[str, float | None, str, bool], missed: str = "") -> DrillRun:
    about = ("INC-DRILL-2K0QSP", "monday-web", "schedule", NOW, missed, "" if missed else "canary1", True)
    return DrillRun(*about, NOW, NOW, result, passages)


def lines(*incidents: Incident) -> list[str]:
    return [line for line in digest_text(period(*incidents), [], []).body.splitlines() if line.startswith("  ")]


def test_nothing_happened() -> None:
    """Is said, in one line: a digest that is silent can't be told from a runner that is dead."""
    text = digest_text(period(), [], [])
    assert text.subject == "breakglass digest: nothing happened"
    assert text.body == (
        "From 2026-11-22 03:12 UTC to 2026-11-23 03:12 UTC no incident ended, none is open, no drill ended and no hold stands."
    )
    assert counts(period(), [], []) == {}


@pytest.mark.parametrize(
    ("incident", "line"),
    [
        (ended(Result.REPAIRED), "restart_service in 90 s"),
        (ended(Result.REPAIRED, attempts=(Attempt(1), Attempt(2))), "restart_service in 90 s, 2 attempts"),
        (ended(Result.REPAIRED, since=NOW + 31 * MINUTE), "restart_service in 31 min"),
        (ended(Result.OBSERVED, make_course(mode=Mode.OBSERVE)), "would have run restart_service"),
        (ended(Result.OBSERVED, blocked="web1 is held"), "would NOT have run: web1 is held"),
        (ended(Result.RESOLVED_BY_ITSELF), "after 90 s"),
        (ended(Result.FAILED, escalation=CALLED), "the health check failed; acknowledged by ben"),
        (
            ended(Result.UNKNOWN, escalation=replace(CALLED, acknowledged_by="")),
            "the health check failed; acknowledged by nobody",
        ),
        (ended(Result.CANCELLED, cancelled_by="ada"), "by ada"),
    ],
)
def test_how_an_incident_ended(incident: Incident, line: str) -> None:
    """Its id, what it was about, and what there is to know of such an end."""
    assert lines(incident) == [f"  INC-7K2F9X  ServiceDown on web1  {line}"]


def test_what_was_refused() -> None:
    """With the reason, also where nobody was called because of it."""
    (line,) = lines(ended(Result.REFUSED, make_course(refusal="unknown-host: web9")))
    assert line == "  INC-7K2F9X  ServiceDown on no host  unknown-host: web9"


def test_what_is_open() -> None:
    """Comes first; who has acknowledged it, or that nobody has."""
    escalated = waits(state=State.ESCALATED, escalation=CALLED)
    unheard = replace(escalated, escalation=replace(CALLED, acknowledged_by=""))
    waiting = waits(state=State.WAITING, blocked="cooldown of web1")
    text = digest_text(period(ended(Result.REPAIRED), still=(escalated, unheard, waiting)), [], [])
    assert text.subject == "breakglass digest: 3 open, 1 repaired"
    assert text.body.splitlines()[:6] == [
        "DIGEST  2026-11-22 03:12 UTC to 2026-11-23 03:12 UTC",
        "",
        "OPEN now: 3",
        "  INC-7K2F9X  ServiceDown on web1  escalated since 2026-11-22 03:12 UTC, acknowledged by ben: the health check failed",
        "  INC-7K2F9X  ServiceDown on web1  escalated since 2026-11-22 03:12 UTC, NOT acknowledged: the health check failed",
        "  INC-7K2F9X  ServiceDown on web1  waiting since 2026-11-22 03:12 UTC: cooldown of web1",
    ]


def test_drills_and_holds() -> None:
    """Drills are told by their own result and never among the repairs; each hold with how it is lifted."""
    rehearsed = ended(Result.REHEARSED, make_course())
    rehearsed = replace(rehearsed, course=replace(rehearsed.course, drill="monday-web"))
    runs = [
        drill("passed", ("received", 0.0, "", False), ("told", 4.9, "", False)),
        drill("failed", ("granted", None, "permission denied", True)),
        drill("missed", missed="no runner worked then"),
    ]
    text = digest_text(period(rehearsed, still=(replace(rehearsed, state=State.WAITING),)), runs, [HELD])
    assert text.subject == "breakglass digest: 1 drill passed, 2 drills not passed, 1 hold"
    assert "  INC-DRILL-2K0QSP  monday-web on canary1  passed in 4.9 s" in text.body
    assert "  INC-DRILL-2K0QSP  monday-web on canary1  failed: granted: permission denied" in text.body
    assert "  INC-DRILL-2K0QSP  monday-web on no host  missed: no runner worked then" in text.body
    assert (
        "  web2 is held by ada since 2026-11-22 03:12 UTC (lift it with: breakglass hold lift --host web2" in text.body
    )


def test_what_the_runner_told_of_itself() -> None:
    """Is no refusal of a trigger."""
    itself = replace(telling(), state=State.CLOSED, result=Result.REFUSED)
    text = digest_text(period(itself), [], [])
    assert text.subject == "breakglass digest: 1 about the runner itself"
    assert "  INC-7K2F9X  SenderRefused (am)  its token is wrong; acknowledged by nobody" in text.body


def test_much_stays_short() -> None:
    """Every kind is cut, says how many more there are and where; the subject has the whole numbers."""
    many = [ended(result) for result in Result for _ in range(500)]
    text = digest_text(period(*many, unread=7), [], [HELD] * 300)
    assert len(text.body) < 30_000
    assert len(text.subject) < 300
    assert "500 repaired" in text.subject
    assert text.subject.endswith("7 not listed")
    assert f"  and {500 - MOST_LINES} more. See: breakglass report --since 2026-11-22T03:12" in text.body
    assert "7 more incidents ended, or can't be read." in text.body
    assert counts(period(*many, unread=7), [], [])["repaired"] == 500


def test_every_result_is_told() -> None:
    """None is left out, whatever the incident was about; of drills their own list tells."""
    for result in set(Result) - {Result.REHEARSED}:
        assert sum(counts(period(ended(result)), [], []).values()) == 1, result


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """No text from outside makes a line, moves the cursor, or is longer than its place."""
    name = replace(DOWN, name=text)
    spoilt = [
        ended(Result.FAILED, escalation=replace(CALLED, reason=text, acknowledged_by=text), faults=(name,)),
        ended(Result.OBSERVED, blocked=text or "x", faults=(name,)),
    ]
    holds = [Hold(Scope.HOST, text, text, text, "", NOW)]
    made = digest_text(
        period(*spoilt, still=(waits(blocked=text, faults=(name,)),)), [drill(text, (text, None, text, True))], holds
    )
    assert len(made.body.split("\n")) == 16
    assert made.subject.isprintable()
    assert made.body.replace("\n", "").isprintable()
    assert max(map(len, made.body.split("\n"))) < 260


def test_a_period_that_is_long() -> None:
    """Both ends are said with their days."""
    assert (
        "2026-11-22 03:12 UTC to 2026-11-23 04:12"
        in digest_text(replace(period(ended(Result.REPAIRED)), until=NOW + DAY + HOUR), [], []).body
    )
