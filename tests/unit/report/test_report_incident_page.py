# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident on one page, from the example of a repair and from what the domain notes of a worse night."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import timestamp
from tests.support.corpus import HOSTILE
from tests.support.incidents import HOUR, MINUTE, NEVER_WAITS, NOW, SECOND, make_course, make_incident, make_ladder
from tests.support.journal_records import (
    DIGEST,
    DIRECTORY,
    INCIDENT,
    OF_THE_CREDENTIALS,
    OF_THE_INCIDENT,
    OF_THE_PLAY,
    a_record,
    hostile_records,
    records_of,
)
from tests.unit.domain.test_deciding_orders import said
from tests.unit.domain.test_deciding_stories import FIRING, GONE, MINTED, RAN, RESERVED, TOLD, UNHEALTHY, Story

from breakglass.domain import messages as heard
from breakglass.domain.incident import Escalation, Result, State
from breakglass.domain.orders import Word
from breakglass.report.folding import case_of
from breakglass.report.incident_page import Standing, page_lines, page_object, standing_by, standing_of
from breakglass.timeline import event_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import JsonValue, Record

HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]
PLAY = f"{DIRECTORY}/play-1"
ALERT = "ServiceDown: shop on web1 does not answer (firing since 2026-11-22T02:51:00+00:00)"


def example() -> list[Record]:
    """The repair of the example, by time."""
    play = [replace(one, at=timestamp(NOW + 8 * SECOND)) for one in records_of(OF_THE_PLAY, PLAY)]
    held = [
        replace(one, at=timestamp(NOW + 8 * SECOND))
        for one in records_of(OF_THE_CREDENTIALS, f"{DIRECTORY}/credentials-1")
    ]
    return sorted([*records_of(OF_THE_INCIDENT), *play, *held], key=lambda record: record.at)


def page(records: Sequence[Record], *, every_task: bool = False, standing: Standing | None = None) -> list[str]:
    events = [event_of(record) for record in records]
    case = case_of(INCIDENT, records, NOW)
    return list(page_lines(case, events, standing or standing_by(INCIDENT, events), every_task=every_task))


def told(story: Story) -> list[Record]:
    """What a story has noted, as records a second after each other."""
    return [a_record(note.kind, dict(note.body), number) for number, note in enumerate(story.notes, 1)]  # type: ignore[arg-type]


def play(*records: tuple[str, dict[str, JsonValue]]) -> list[Record]:
    return records_of([("incident.opened", {"trigger": "web", "hosts": ["web1"]}), *records], PLAY)


def test_a_repair() -> None:
    """What was planned stands above, what happened with its time, and where to look for more."""
    assert page(example()) == [
        "INC-7K3M  web-service-failed  web1   CLOSED, repaired",
        f"  opened    2026-11-22 03:12:10 UTC  {ALERT}   team-shop",
        "  plan      9f3c 1a72  restart_service restart_service_name=shop   web-operator, 600 s",
        "  approval  automatic (breakglass.yml:12)",
        "  policy    9f3c 1a72, mode act",
        "",
        "  03:12:12  waiting     the alert must fire for 60 s first",
        "  03:12:17  attempt 1   grant 8Fh2…kQ",
        "            changed     restart_service : Restart shop on web1",
        "            credential  SSH certificate 7, until 03:22:09",
        "  03:12:19  play        ok: the remediation ran and its own check passed",
        "  03:12:20  revoked     grant gone, proven: SSH certificate 7 expires at 2026-11-22T03:22:09Z",
        "  03:12:21  alert       ServiceDown resolved",
        "  03:12:22  verified    alert resolved",
        "  03:12:23  closed      repaired in 2.3 s",
        "",
        "  journal   2026/11/22/INC-7K3M/, 3 streams, 22 records. Genuine? breakglass audit verify",
        "  more      --tasks   --json   breakglass audit show INC-7K3M   breakglass audit report INC-7K3M",
    ]


def test_two_failures_and_then_people() -> None:
    """Each attempt has its time, and people are told what the incident waits for."""
    ladder = make_ladder(5 * MINUTE, None)
    story = Story(make_course(ladder=ladder))
    story.hears(
        FIRING, RESERVED, MINTED, UNHEALTHY, GONE, RESERVED, replace(MINTED, accessor="another-one"), UNHEALTHY, GONE
    )
    lines = page(told(story))
    assert lines[0] == "INC-7K3M  service-down  web1   ESCALATED, NOT acknowledged"
    assert next(line for line in lines if "attempt" in line).endswith("attempt 1   grant acce…-1")
    assert any(line.endswith("attempt 2   grant anot…ne") for line in lines)
    assert (
        "  waits for the alert to resolve, or: breakglass ack INC-7K3M   breakglass close INC-7K3M --reason …   "
        "breakglass retry INC-7K3M --reason …"
    ) in lines
    story.hears(TOLD, said(Word.ACKNOWLEDGE))
    lines = page(told(story))
    assert lines[0].endswith("ESCALATED, acknowledged by ada")
    assert not [line for line in lines if "breakglass ack" in line]


def test_what_was_refused() -> None:
    """Stands above, once; there was no plan."""
    story = Story(make_course(refusal="unknown-host: web9"))
    story.hears(FIRING)
    lines = page(told(story))
    assert lines[2] == "  refused   unknown-host: web9"
    assert not [line for line in lines if line.startswith("  plan")]


def test_what_matters_of_a_play() -> None:
    """Changes, failures and evidence; of our own modules that open something their lines have told. With --tasks it is all."""
    records = play(
        ("task.started", {"task": "1", "name": "Obtain", "action": "breakglass.remediation.ssh_certificate"}),
        ("task.result", {"task": "1", "host": "web1", "status": "ok", "changed": True}),
        (
            "task.started",
            {"task": "2", "name": "breakglass.remediation.x : Keep", "action": "breakglass.remediation.evidence"},
        ),
        (
            "task.result",
            {"task": "2", "host": "web1", "status": "ok", "changed": True, "path": "/e/1", "sha256": DIGEST, "size": 9},
        ),
        ("task.started", {"task": "3", "name": "Free", "action": "breakglass.remediation.disk_space"}),
        ("task.result", {"task": "3", "host": "web1", "status": "ok", "changed": True}),
        ("task.started", {"task": "4", "name": "Ask", "action": "ansible.builtin.uri"}),
        ("task.result", {"task": "4", "host": "web1", "status": "ok", "changed": False}),
        ("task.result", {"task": "4", "host": "web2", "status": "unreachable", "msg": "no route"}),
        ("task.result", {"task": "9", "host": "web1", "status": "failed", "msg": "it broke"}),
        ("task.intent", {"task": "5", "name": "Hang", "action": "command", "host": "web1"}),
        ("run.died", {"why": "it was killed", "tasks_in_flight": "outcome unknown", "processes_left": 0}),
    )
    assert [line[12:] for line in page(records)[4:-3]] == [
        "evidence    web1: /e/1, sha256 9f3c1a72…",
        "changed     Free on web1",
        "UNREACHABLE Ask on web2: no route",
        "FAILED      a task on web1: it broke",
        "remediate   Hang .................................................... OUTCOME UNKNOWN",
        "died        it was killed",
    ]
    assert len([line for line in page(records, every_task=True) if "remediate" in line]) == 6


def test_another_day() -> None:
    """What went on over midnight says so."""
    story = Story(make_course(ladder=make_ladder()))
    story.hears(FIRING)
    late = a_record("limits.refused", {"why": "web1 is held"}, 30 * 3600)
    assert "  2026-11-23" in page([*told(story), late])


def test_a_request() -> None:
    """Has who asked and why, and no repair."""
    labels = {"person": "ada", "entity": "e-1", "reason": "it hangs", "ticket": "OPS-1", "access": "db", "hosts": "db1"}
    asked = {"source": "request", "name": "", "labels": labels, "annotations": {}, "starts_at": "2026-11-22T03:12:09Z"}
    records = records_of(
        [("incident.opened", {"trigger": "console", "hosts": ["db1"], "mode": "act"}), ("request.made", asked)]
    )
    lines = page(records)
    assert lines[1] == "  opened    2026-11-22 03:12:10 UTC  it hangs"
    assert lines[2] == "  asked by  ada, entity e-1: it hangs"


@pytest.mark.parametrize(
    ("messages", "state", "waits"),
    [
        ((FIRING, heard.Blocked("cooldown of web1", SECOND)), State.WAITING, "its turn: cooldown of web1"),
        ((FIRING, RESERVED, MINTED), State.RUNNING, "the end of its play"),
        ((FIRING, RESERVED, MINTED, RAN), State.CLOSING, "the proof that its grant is gone"),
        ((FIRING, RESERVED, MINTED, RAN, GONE), State.VERIFYING, "the alert to resolve, within 10 min"),
    ],
)
def test_how_it_stands(messages: tuple[heard.Message, ...], state: State, waits: str) -> None:
    """The database says what it waits for; the journal alone says the same of its state."""
    story = Story(make_course())
    story.hears(*messages)
    standing = standing_of(story.incident)
    assert (standing.state, standing.how, standing.waits_for) == (state, "", waits)
    assert standing_by(INCIDENT, [event_of(one) for one in told(story)]).state is state


def test_how_it_stands_with_people() -> None:
    """Who has acknowledged, also where automation is not over yet; of what is closed, its result."""
    called = replace(
        make_incident(), state=State.CLOSING, escalation=Escalation("a grant", 0, NOW), blocked="Vault is sealed"
    )
    assert standing_of(called) == Standing(
        State.CLOSING, "NOT acknowledged", "the proof that its grant is gone: Vault is sealed"
    )
    closed = replace(make_incident(), state=State.CLOSED, result=Result.CANCELLED)
    assert standing_of(closed) == Standing(State.CLOSED, "cancelled", "")
    once = make_course(limits=replace(NEVER_WAITS, attempts=1), ladder=make_ladder())
    story = Story(once)
    story.hears(FIRING, RESERVED, MINTED, UNHEALTHY, GONE, TOLD)
    story.hears(said(Word.ACKNOWLEDGE), after=timedelta(minutes=1))
    events = [event_of(one) for one in told(story)]
    assert standing_by("INC-7K2F9X", events) == standing_of(story.incident)
    story.hears(said(Word.CLOSE), after=HOUR)
    assert standing_by("INC-7K2F9X", [event_of(one) for one in told(story)]) == standing_of(story.incident)


def test_for_programs() -> None:
    """The same facts, as they came."""
    records = example()
    case = case_of(INCIDENT, records, NOW)
    made = json.loads(json.dumps(page_object(case, standing_by(INCIDENT, [event_of(one) for one in records]))))
    assert (made["id"], made["state"], made["how"], made["hosts"]) == (INCIDENT, "closed", "repaired", ["web1"])
    assert made["attempts"][0]["outcome"] == "ok"
    assert made["changes"] == [{"host": "web1", "task": "restart_service : Restart shop"}]
    assert made["grants"][0]["proven_gone_at"].startswith("2026-11-22T03:12:20")
    assert sum(made["streams"].values()) == 22


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """Whatever a record holds: no line of its own, no cursor that moves, and an end."""
    records = sorted(hostile_records(text), key=lambda record: record.at)
    lines = page(records, standing=Standing(State.ESCALATED, text, text))
    lines += page(records, every_task=True)
    assert all(line.isprintable() and len(line) <= 400 for line in lines)
