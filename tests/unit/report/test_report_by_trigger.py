# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import HOUR, MINUTE, NOW, SECOND

from breakglass.news import span_words
from breakglass.report.by_trigger import Elsewhere, policy_report, report_lines, report_object
from breakglass.report.outcome import FIRING_FOR, Outcome
from breakglass.timeline import Event

AM = "alertmanager"
HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


def outcome(
    number: int = 0, result: str = "observed", *, mode: str = "observe", trigger: str = "nginx-failed", **more: object
) -> Outcome:
    """An incident of an alert that has fired for a minute."""
    began = NOW + number * HOUR
    firing = {(AM, f"f{number}"): ("NginxDown", began - MINUTE)}
    made = Outcome(f"INC-{number}", began, trigger, mode, firing=firing, result=result, closed_at=began + SECOND)
    return replace(made, **more)  # type: ignore[arg-type]


def over(number: int, after_minutes: int) -> Event:
    body = {"source": AM, "fingerprint": f"f{number}", "status": "resolved", "name": "NginxDown"}
    return Event(NOW + number * HOUR + after_minutes * MINUTE, "alert.unmatched", body, "runner")


def elsewhere(*events: Event) -> Elsewhere:
    found = Elsewhere()
    for event in events:
        found.take(event, counts=True)
    return found


def lines(*outcomes: Outcome, beside: Elsewhere | None = None) -> list[str]:
    return list(report_lines(policy_report("from then to now", outcomes, beside or Elsewhere())))


def test_is_it_safe_to_let_it_act() -> None:
    """A week in which a trigger observed: what it would have done, what it would not, and how long the alerts lasted without it."""
    week = [outcome(n, would=True, waited={FIRING_FOR} | ({"cooldown"} if n < 2 else set())) for n in range(12)]
    week += [outcome(12, refused="unknown-host"), outcome(13, "resolved-by-itself")]
    ends = elsewhere(*(over(n, 20 + n) for n in range(9)))
    assert lines(*week, beside=ends) == [
        "Triggers from then to now",
        "",
        "nginx-failed: 14 alerts in 14 incidents (observe)",
        "  would have been repaired   12",
        "  waited                     2: cooldown 2",
        "  refused                    1: unknown-host 1",
        "  resolved by itself         1, median 61 s after the alert began",
        "  resolved without us        9, median 25 min after the alert began",
        "  To let it act: set  mode: act  on nginx-failed.",
    ]


def test_a_trigger_that_acts() -> None:
    """What it repaired and how quickly, what failed, and what people did."""
    repaired = [outcome(n, "repaired", mode="act", over={(AM, f"f{n}"): NOW + n * HOUR + SECOND}) for n in range(3)]
    called = NOW + 3 * HOUR + MINUTE
    mended = outcome(3, "failed", mode="act", tries=2, called_at=called, acknowledged_at=called + 3 * MINUTE)
    mended.over = {(AM, "f3"): NOW + 3 * HOUR + 30 * MINUTE}
    closed = outcome(
        4, "failed", mode="act", tries=1, called_at=NOW + 4 * HOUR, closed_by="ada", closed_at=NOW + 6 * HOUR
    )
    still = outcome(5, "", mode="act", tries=1, called_at=NOW + 5 * HOUR, closed_at=None)
    assert lines(*repaired, mended, closed, still)[2:] == [
        "nginx-failed: 6 alerts in 6 incidents (act)",
        "  repaired                   3, median 61 s after the alert began",
        "  failed, outcome unknown    3",
        "  people were called         3, 1 acknowledged, median 3 min after the call",
        "  ended by people            2, median 76 min after the alert began",
        "  not over yet               1",
    ]


def test_the_mode_is_the_last_one() -> None:
    """Who has let it act already is not told to."""
    found = lines(outcome(0, would=True), outcome(1, "repaired", mode="act"))
    assert "(act)" in found[2]
    assert not [line for line in found if "To let it act" in line]


def test_an_end_that_was_not_heard() -> None:
    """Counts for nothing: neither one of two alerts, nor an end that came before."""
    two = outcome(1, would=True)
    two.firing[AM, "other"] = ("Other", NOW)
    found = policy_report("", [outcome(0, would=True), two], elsewhere(over(1, 20), over(0, -30)))
    assert found.triggers[0].without_us == ()


def test_the_end_of_the_first_of_two() -> None:
    """An alert that fires twice has two ends; each is that of its own incident."""
    again = replace(outcome(0, would=True), began=NOW + 2 * HOUR)
    again.firing[AM, "f0"] = ("NginxDown", NOW + 2 * HOUR)
    ends = elsewhere(over(0, 10), over(0, 130))
    spans = policy_report("", [outcome(0, would=True), again], ends).triggers[0].without_us
    assert spans == (11 * 60.0, 10 * 60.0)


def test_what_belongs_to_no_trigger() -> None:
    """Alerts that met none, the runner itself, requests and drills are counted apart."""
    met_none = [Event(NOW, "alert.unmatched", {"name": f"A{n % 7}", "status": "firing"}, "runner") for n in range(9)]
    drill = Event(NOW, "drill.ended", {"result": "passed"}, "runner")
    others = [outcome(0, kind="own", trigger="SenderRefused"), outcome(1, kind="request"), outcome(2, kind="drill")]
    assert lines(*others, beside=elsewhere(*met_none, drill)) == [
        "Triggers from then to now",
        "No alert met a trigger.",
        "",
        "No trigger: 9 alerts: A0 2, A1 2, A2 1, A3 1, A4 1, and 2 more",
        "The runner itself: 1 alert: SenderRefused 1",
        "Requests of people: 1",
        "Drills: 1: passed 1",
    ]


def test_only_ends_count_from_outside_of_the_period() -> None:
    """What happened before or after it is no alert of it."""
    found = Elsewhere()
    for event in (Event(NOW, "alert.unmatched", {"name": "A", "status": "firing"}, "runner"), over(0, 9)):
        found.take(event, counts=False)
    assert (found.unmatched.total(), len(found.over)) == (0, 1)


def test_many_triggers() -> None:
    """Stand by the number of their alerts."""
    found = lines(outcome(0, trigger="a"), outcome(1, trigger="b"), outcome(2, trigger="b"))
    assert [line.partition(":")[0] for line in found if " in " in line] == ["b", "a"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7100, "118 min"), (7200, "2 h"), (90_000, "25 h"), (9000, "2.5 h")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_for_programs() -> None:
    """The same numbers, spans in seconds."""
    made = report_object(policy_report("p", [outcome(0, would=True)], elsewhere(over(0, 30))))
    assert json.loads(json.dumps(made))["triggers"] == [
        {
            "trigger": "nginx-failed",
            "mode": "observe",
            "alerts": 1,
            "incidents": 1,
            "would_have_been_repaired": 1,
            "waited": {},
            "refused": {},
            "failed": 0,
            "cancelled": 0,
            "open": 0,
            "people_called": 0,
            "verdicts": {},
            "repaired": {"incidents": 0, "median_seconds": None},
            "resolved_by_itself": {"incidents": 0, "median_seconds": None},
            "resolved_without_us": {"incidents": 1, "median_seconds": 1860.0},
            "ended_by_people": {"incidents": 0, "median_seconds": None},
            "acknowledged": {"incidents": 0, "median_seconds": None},
        }
    ]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """Names come from policies and alerts; nothing in them moves a cursor."""
    met_none = Event(NOW, "alert.unmatched", {"name": text, "status": "firing"}, "runner")
    found = lines(outcome(0, trigger=text, waited={text}, refused=text, mode=text), beside=elsewhere(met_none))
    assert all(line.isprintable() for line in found)
