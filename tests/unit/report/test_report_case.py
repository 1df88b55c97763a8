# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of one incident or run, folded from its records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import DAY, NOW, SECOND
from tests.support.journal_on_disk import DIED
from tests.support.journal_records import (
    ACCESSOR,
    CREDENTIAL,
    DIGEST,
    DIRECTORY,
    INCIDENT,
    OF_THE_CREDENTIALS,
    OF_THE_INCIDENT,
    OF_THE_PLAY,
    OPERATOR_RUN,
    RUN,
    records_of,
)

from breakglass.report.case import Approval, Case, Flaw
from breakglass.report.folding import EmptyCase, case_of

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import JsonValue

Told = tuple[str, dict[str, "JsonValue"]]
LATER = NOW + DAY


def a_case(*told: Told, origin: str = f"{DIRECTORY}/runner") -> Case:
    return case_of(INCIDENT, records_of(told, origin), LATER)


@pytest.fixture(scope="module")
def repaired() -> Case:
    records = [
        *records_of(OF_THE_INCIDENT),
        *records_of(OF_THE_PLAY, f"{DIRECTORY}/play-1"),
        *records_of(OF_THE_CREDENTIALS, f"{DIRECTORY}/credentials-1"),
    ]
    return case_of(INCIDENT, sorted(records, key=lambda record: record.at), LATER)


def test_who_what_and_why(repaired: Case) -> None:
    """A repaired incident tells who, what and why: trigger, owner, alert, plan, parameters, policy, and who executed it."""
    assert repaired.result == "repaired"
    assert repaired.flaws == ()
    assert (repaired.trigger, repaired.access, repaired.hosts) == ("web-service-failed", "web-operator", ("web1",))
    assert repaired.parameters == {"restart_service_name": "shop"}
    assert repaired.facts["owner"] == "team-shop"
    assert repaired.facts["alert"].startswith("ServiceDown: shop on web1 does not answer (firing since 2026-11-22")
    assert repaired.facts["executed by"] == "ada (uid 1000) on bastion"
    assert repaired.facts["plan digest"] == repaired.facts["policy"] == DIGEST


def test_approvals_grants_and_credentials(repaired: Case) -> None:
    """It tells who approved which plan, what was opened when, and until when each credential lived."""
    assert repaired.approvals == [Approval(NOW + 6 * SECOND, "automatic", "breakglass.yml:12", DIGEST)]
    (grant,) = repaired.grants
    assert (grant.accessor, grant.expires_at) == (ACCESSOR, "2026-11-22T03:22:09+00:00")
    assert grant.proven_at == NOW + 11 * SECOND
    (credential,) = repaired.credentials
    assert credential.end == "lived until 2026-11-22T03:22:09Z; nothing could take it back"


def test_tasks_and_story(repaired: Case) -> None:
    """It tells what was changed on which host, the whole timeline, and how many records each stream has."""
    assert repaired.tasks.counts == {"ok": 1}
    assert repaired.tasks.changes == [("web1", "restart_service : Restart shop")]
    assert [name for _, name, _ in repaired.story][:2] == ["incident", "alert"]
    assert repaired.streams == {f"{DIRECTORY}/runner": 14, f"{DIRECTORY}/play-1": 6, f"{DIRECTORY}/credentials-1": 2}


def test_run_that_died() -> None:
    """An operator's run that was killed says who ran it and why, that its outcome is unknown and its grant not proven gone."""
    case = case_of(RUN, records_of(DIED, OPERATOR_RUN), LATER)
    assert (case.result, case.trigger) == ("died", "restart.yml")
    assert case.flaws == (Flaw.NOT_PROVEN_GONE, Flaw.OUTCOME_UNKNOWN)
    assert case.why_of(Flaw.NOT_PROVEN_GONE) == "Vault is sealed"
    assert case.tasks.unknown == [("web2", "Restart nginx")]
    assert "task Restart nginx on web2" in case.why_of(Flaw.OUTCOME_UNKNOWN)
    assert case.hosts == ("web2",)
    assert (case.facts["reason"], case.facts["ticket"]) == ("nginx answers 502", "OPS-4711")


@pytest.mark.parametrize(
    ("told", "flaw", "why"),
    [
        (("limits.refused", {"why": "the hold is set"}), Flaw.REFUSED, "the hold is set"),
        (("alert.refused", {"why": "unknown host"}), Flaw.REFUSED, "unknown host"),
        (("grant.not_minted", {"why": "Vault is sealed"}), Flaw.REFUSED, "no grant: Vault is sealed"),
        (("request.refused", {"why": "not offered"}), Flaw.REFUSED, "not offered"),
        (("override.used", {"by": "cy", "why": "nobody answered"}), Flaw.OVERRIDE, "cy: nobody answered"),
        (("effect.interrupted", {"effect": "run-play"}), Flaw.OUTCOME_UNKNOWN, "run-play: the runner died"),
        (("play.ended", {"outcome": "unknown", "why": "it died"}), Flaw.OUTCOME_UNKNOWN, "play: it died"),
        (("grant.minted", {"accessor": "a"}), Flaw.NOT_PROVEN_GONE, "grant a"),
        (("grant.revoked", {"accessor": "a", "proven": False}), Flaw.NOT_PROVEN_GONE, "its revocation was not proven"),
    ],
)
def test_exceptions(told: Told, flaw: Flaw, why: str) -> None:
    """What an auditor looks at first is named, with its reason."""
    case = a_case(told)
    assert flaw in case.flaws
    assert why in case.why_of(flaw)


@pytest.mark.parametrize(
    ("fate", "revoked", "end"),
    [
        ("revoked", True, "revoked, proven at 2026-11-22T03:12:13Z"),
        ("revoked", False, "NOT PROVEN GONE; lived until 2026-11-22T03:22:09Z at most"),
        ("read", True, "was read, which nothing undoes"),
        ("lives", True, "lived until 2026-11-22T03:22:09Z; nothing could take it back"),
    ],
)
def test_end_of_a_credential(fate: str, revoked: bool, end: str) -> None:  # noqa: FBT001
    """Each credential says what became of it: proven gone, not proven, living to its end, or read."""
    obtained: Told = ("credential.obtained", {**CREDENTIAL, "fate": fate, "latest_end": "2026-11-22T03:22:09Z"})
    gone: Told = ("grant.revoked", {"accessor": "a", "proven": revoked, "remains": ""})
    case = a_case(("grant.minted", {"accessor": "a"}), ("credential.asked", CREDENTIAL), obtained, gone)
    assert [life.end for life in case.credentials] == [end]


def test_credential_that_may_exist() -> None:
    """A credential that was asked for without an answer may exist, and is an unknown outcome once the run is over."""
    asked: Told = ("credential.asked", {**CREDENTIAL, "latest_end": "2026-11-29T03:22:09Z"})
    case = a_case(asked, ("run.died", {"why": "it was killed"}))
    (life,) = case.credentials
    assert life.end == "nobody knows whether it was made; if it was, it lives until 2026-11-29T03:22:09Z at most"
    assert Flaw.OUTCOME_UNKNOWN in case.flaws


def test_incident_that_people_took_over() -> None:
    """An incident that was escalated and is not closed says so, and whom it was told to."""
    begun: Told = ("escalation.begun", {"why": "it failed", "ladder": "on-call"})
    case = a_case(begun, ("escalation.delivered", {"channels": ["chat"]}))
    assert case.result == "escalated"
    assert [what for _, what in case.people] == ["escalated to on-call: it failed", "told chat"]


def test_person_who_asked() -> None:
    """An incident that a person asked for names the person, the reason and the ticket."""
    labels: JsonValue = {"person": "ada", "entity": "e-1", "reason": "payments hang", "ticket": "OPS-1"}
    case = a_case(("request.made", {"labels": labels}))
    assert (case.facts["requested by"], case.facts["reason"]) == ("ada, entity e-1", "payments hang")


def test_story_of_several_days() -> None:
    """A time of another day than the first one is told with its day."""
    alert, verified = records_of((("alert.firing", {"name": "Down"}), ("verified", {"by": "alert resolved"})))
    case = case_of(INCIDENT, [alert, replace(verified, at="2026-11-23T00:00:01.000000Z")], LATER)
    assert [at for at, _, _ in case.story] == ["03:12:10.104", "2026-11-23 00:00:01.000"]


def test_without_a_record() -> None:
    """There is no report on nothing."""
    with pytest.raises(EmptyCase, match="has no record that can be read"):
        case_of(INCIDENT, [], LATER)


def test_time() -> None:
    """A case lasts from its first record to its last, by their times."""
    case = a_case(("alert.firing", {}), ("verified", {}))
    assert (case.began, case.ended, case.seconds) == (NOW + SECOND, NOW + timedelta(seconds=2), 1.0)
