# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import HOUR, NOW, make_incident
from tests.support.journal_records import (
    ACCESSOR,
    CREDENTIAL,
    DIRECTORY,
    INCIDENT,
    LIFE,
    OF_THE_CREDENTIALS,
    OF_THE_INCIDENT,
    records_of,
)
from tests.unit.effects.test_digest_text import CALLED, HELD, drill, ended, waits

from breakglass.domain.holds import Hold, Scope
from breakglass.domain.incident import Result, State
from breakglass.handing_over import alive_of
from breakglass.report.folding import case_of
from breakglass.report.handover import Alive, Handover, handover_lines, handover_object

EMPTY = Handover(NOW, NOW - 12 * HOUR, (), (), 0, (), (), ())
ESCALATED = waits(state=State.ESCALATED, escalation=CALLED)
HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]
CREDENTIALS = f"{DIRECTORY}/credentials-1"


def test_nothing_to_hand_over() -> None:
    """Is said of each thing: who takes over sees that it was looked for."""
    assert [line for line in handover_lines(EMPTY) if line] == [
        "HANDOVER  2026-11-22 03:12 UTC, of the last 12 h",
        "OPEN, nobody has acknowledged: none",
        "OPEN: none",
        "HOLDS that stand: none",
        "DRILLS not passed: none",
        "STILL ALIVE: grants, certificates, leases: none",
        "ENDED: none",
    ]


def test_a_night() -> None:
    """What nobody has acknowledged comes first; the newest of what has ended first, counted by its result."""
    unheard = replace(ESCALATED, escalation=replace(CALLED, acknowledged_by=""))
    night = replace(
        EMPTY,
        open=(ESCALATED, unheard, waits(state=State.WAITING, blocked="cooldown of web1")),
        ended=(ended(Result.FAILED, escalation=CALLED), ended(Result.REPAIRED), ended(Result.REPAIRED)),
        unread=2,
        holds=(HELD,),
        drills=(drill("failed", ("granted", None, "permission denied", True)), drill("passed")),
        alive=(
            Alive("INC-A", "SSH certificate 7 for web1", "2026-11-22T03:22:09Z"),
            Alive("INC-B", "grant abc… is open", ""),
        ),
    )
    assert [line for line in handover_lines(night) if line][1:] == [
        "OPEN, nobody has acknowledged: 1",
        "  INC-7K2F9X  ServiceDown on web1  escalated since 2026-11-22 03:12 UTC, NOT acknowledged: the health check failed",
        "OPEN: 2",
        "  INC-7K2F9X  ServiceDown on web1  escalated since 2026-11-22 03:12 UTC, acknowledged by ben: the health check failed",
        "  INC-7K2F9X  ServiceDown on web1  waiting since 2026-11-22 03:12 UTC: cooldown of web1",
        "HOLDS that stand: 1",
        f"  {HELD}",
        "DRILLS not passed: 1 (1 passed)",
        "  INC-DRILL-2K0QSP  monday-web on canary1  failed: granted: permission denied",
        "STILL ALIVE: grants, certificates, leases: 2",
        "  INC-A  SSH certificate 7 for web1, until 2026-11-22T03:22:09Z",
        "  INC-B  grant abc… is open",
        "ENDED: 3 (2 repaired, 1 failed, 2 not listed)",
        "  03:13  repaired            INC-7K2F9X  ServiceDown on web1  restart_service in 90 s",
        "  03:13  repaired            INC-7K2F9X  ServiceDown on web1  restart_service in 90 s",
        "  03:13  failed              INC-7K2F9X  ServiceDown on web1  the health check failed; acknowledged by ben",
    ]
    made = json.loads(json.dumps(handover_object(night)))
    assert [one["acknowledged_by"] for one in made["open"]] == ["ben", None, None]
    assert made["holds"][0]["lift"] == HELD.lifted_by
    assert made["alive"][1] == {"incident": "INC-B", "what": "grant abc… is open", "until": None}


def test_a_long_night() -> None:
    """Is cut in each part, and says how much more there is; for programs it is whole."""
    many = replace(EMPTY, ended=(ended(Result.REPAIRED),) * 1000)
    assert len(list(handover_lines(many))) < 80
    assert "  and 950 more; --json has all of them" in list(handover_lines(many))
    assert len(handover_object(many)["ended"]) == 1000  # type: ignore[arg-type]


def test_what_lives_on() -> None:
    """A certificate that nothing can take back, until it is over; not what was revoked with its grant."""
    lease = {**CREDENTIAL, "credential": "db-1", "kind": "database", "what": "database user v-1"}
    of_the_database = ("credential.obtained", {**lease, **LIFE, "fate": "revoked", "lease_id": "database/creds/1"})
    held = [*OF_THE_CREDENTIALS, ("credential.asked", {**lease, "latest_end": LIFE["latest_end"]}), of_the_database]
    records = [*records_of(OF_THE_INCIDENT), *records_of(held, CREDENTIALS)]
    case = case_of(INCIDENT, records, NOW)
    assert list(alive_of(case, NOW)) == [Alive(INCIDENT, "SSH certificate 7", "2026-11-22T03:22:09Z")]
    assert list(alive_of(case, NOW + timedelta(hours=1))) == []


def test_a_grant_that_is_not_proven_gone() -> None:
    """Is alive, and all that hangs on it; so is what nobody knows whether it was made."""
    lease = {**CREDENTIAL, "credential": "db-1", "kind": "database", "what": "database user v-1"}
    held = [
        ("credential.asked", {**lease, "latest_end": LIFE["latest_end"]}),
        ("credential.obtained", {**lease, **LIFE, "fate": "revoked", "lease_id": "database/creds/1"}),
        (
            "credential.asked",
            {**CREDENTIAL, "credential": "x", "what": "SSH certificate", "latest_end": LIFE["latest_end"]},
        ),
    ]
    open_still = OF_THE_INCIDENT[:8]
    records = [*records_of(open_still), *records_of(held, CREDENTIALS)]
    assert [(one.what, one.until) for one in alive_of(case_of(INCIDENT, records, NOW), NOW)] == [
        (f"grant {ACCESSOR[:6]}… is open", "2026-11-22T03:22:09+00:00"),
        ("database user v-1", "2026-11-22T03:22:09Z"),
        ("SSH certificate", "2026-11-22T03:22:09Z"),
    ]
    failed = [*records, *records_of([("grant.not_proven_gone", {"accessor": ACCESSOR, "why": "Vault is sealed"})])]
    assert next(alive_of(case_of(INCIDENT, failed, NOW), NOW)).what.endswith("is NOT PROVEN GONE: Vault is sealed")


@pytest.mark.parametrize("kind", ["ssh_host", "pki_host"])
def test_what_is_meant_to_live(kind: str) -> None:
    """A certificate of a host or of its service is no remainder."""
    held = [("credential.asked", {**CREDENTIAL, "kind": kind, "latest_end": "2027-11-22T03:22:09Z"})]
    held.append(("credential.obtained", {**CREDENTIAL, **LIFE, "kind": kind, "latest_end": "2027-11-22T03:22:09Z"}))
    records = [*records_of(OF_THE_INCIDENT), *records_of(held, CREDENTIALS)]
    assert list(alive_of(case_of(INCIDENT, records, NOW), NOW)) == []


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_stays_in_its_line(text: str) -> None:
    """Nothing in it makes a line or moves a cursor, and each line ends."""
    name = replace(make_incident().course, trigger=text)
    spoilt = replace(ESCALATED, course=name, escalation=replace(CALLED, reason=text, acknowledged_by=text))
    night = replace(
        EMPTY,
        open=(spoilt,),
        ended=(ended(Result.CANCELLED, cancelled_by=text),),
        holds=(Hold(Scope.TRIGGER, text, text, text, "", NOW),),
        drills=(drill(text, (text, None, text, True)),),
        alive=(Alive(text, text, text),),
    )
    assert all(line.isprintable() and len(line) <= 410 for line in handover_lines(night))
