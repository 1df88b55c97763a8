# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as OCSF events, checked against OCSF's own schema."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.kinds import KINDS as ALL_KINDS
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.ocsf import VERSION, to_ocsf
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.ocsf_classes import (
    FAMILIES,
    KINDS,
    EventClass,
    meaning_of,
)
from tests.support import ocsf_schema
from tests.support.corpus import HOSTILE
from tests.support.journal_records import DIGEST, INCIDENT, OPERATOR_RUN, a_record, every_record, hostile_records

HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]
WELL_FORMED = [param for param in HOSTILE_TEXTS if not any(0xD800 <= ord(one) < 0xE000 for one in str(param.values[0]))]


def test_schema_is_the_one_that_we_name() -> None:
    """The events say the version of the schema that the tests check them against."""
    assert VERSION == ocsf_schema.VERSION


@pytest.mark.parametrize("record", every_record(), ids=lambda record: record.kind)
def test_every_kind_is_a_valid_event(record) -> None:
    """Each record that this version writes is an event that OCSF's schema finds nothing wrong with."""
    assert ocsf_schema.faults_of(to_ocsf(record)) == []


@pytest.mark.parametrize("kind", sorted({*KINDS, *(f"{family}.of_a_later_version" for family in FAMILIES)}))
def test_kinds_without_any_field_are_valid_events(kind: str) -> None:
    """A kind that the mapping knows is a valid event even when its body is empty."""
    assert ocsf_schema.faults_of(to_ocsf(a_record(kind, {}))) == []


@pytest.mark.parametrize(("turn", "text"), [(turn, *param.values) for turn, param in enumerate(WELL_FORMED)])
def test_hostile_text_makes_no_invalid_event(turn: int, text: str) -> None:
    """Whatever texts and types a record's fields have, its event is valid, and what is shown of it is plainly visible."""
    for record in hostile_records(text)[turn % 5 :: 5]:  # each text meets other kinds and shapes
        event = to_ocsf(record)
        assert ocsf_schema.faults_of(event) == []
        assert str(event["message"]).isprintable()
        assert str(event.get("status_detail", "")).isprintable()
        json.dumps(event)


def test_every_kind_that_a_record_can_have_has_a_class() -> None:
    """No kind of the one list of kinds is left to the base event, and the tests here have a record of each."""
    without = {kind for kind in ALL_KINDS if meaning_of(kind, {}).event_class is EventClass.BASE_EVENT}
    assert without == set()
    assert set(ALL_KINDS) - {record.kind for record in every_record()} == set()


def test_a_wrong_event_would_be_found() -> None:
    """The schema is really applied: an event with a wrong type, or without what its class needs, has faults."""
    event = to_ocsf(every_record()[0])
    assert ocsf_schema.faults_of({**event, "time": "now"})
    assert ocsf_schema.faults_of({**event, "made_up": 1})
    assert ocsf_schema.faults_of({name: value for name, value in event.items() if name != "finding_info_list"})


def test_nothing_of_a_record_is_lost() -> None:
    """Every text of a body is somewhere in its event, so is its place in the stream."""
    for record in every_record():
        shown = json.dumps(to_ocsf(record), ensure_ascii=False)
        for text in _texts(record.body):
            assert json.dumps(text, ensure_ascii=False)[1:-1] in shown, record.kind
        assert {record.id, record.origin, record.previous} <= set(_texts(to_ocsf(record)))


def test_task_that_failed() -> None:
    """A task's result is a remediation activity on its host, with its outcome, its reason and a severity."""
    event = to_ocsf(
        a_record("task.result", {"task": "t1", "host": "web1", "status": "failed", "msg": "no answer", "rc": 7})
    )
    assert event["class_uid"] == 7001
    assert event["type_uid"] == 700103
    assert event["category_uid"] == 7
    assert (event["status_id"], event["severity_id"], event["status_detail"]) == (2, 3, "no answer")
    assert event["device"] == {"name": "web1", "type_id": 0}
    assert event["unmapped"] == {"rc": 7, "previous": "0" * 64}


def test_who_ran_what_from_where() -> None:
    """The start of a run names the person, and the machine on which it was started."""
    body = {"user": "ada", "uid": 1000, "controller": "bastion", "playbook": "restart.yml", "door": "ansible-playbook"}
    event = to_ocsf(a_record("run.started", body, 1, OPERATOR_RUN))
    assert event["actor"] == {"user": {"name": "ada", "uid": "1000"}}
    assert event["device"] == {"name": "bastion", "type_id": 0}
    assert event["remediation"] == {"desc": "restart.yml"}


def test_who_opened_a_grant() -> None:
    """A grant's event names who opened it as Vault knows them, else the runner, and the grant's accessor."""
    user = to_ocsf(a_record("grant.opened", {"accessor": "a", "access": "web", "vault_login": "ada"}))["user"]
    assert user == {"name": "ada", "credential_uid": "a"}
    assert to_ocsf(a_record("grant.minted", {"accessor": "a"}))["user"] == {"name": "breakglass", "credential_uid": "a"}


def test_what_came_from_one_incident_belongs_together() -> None:
    """Events of an incident share its id, and name their record's id, number and time."""
    record = a_record("approval.given", {"by": "automatic", "digest": DIGEST})
    metadata = to_ocsf(record)["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["correlation_uid"] == INCIDENT
    assert (metadata["uid"], metadata["sequence"], metadata["original_time"]) == (record.id, 1, record.at)
    assert to_ocsf(record)["time"] == datetime.fromisoformat(record.at.replace("Z", "+00:00")).timestamp() * 1000


def test_grant_that_is_not_proven_gone_is_a_failure_of_high_severity() -> None:
    """What a security team must see is not informational."""
    for kind in ("grant.not_proven_gone", "run.died", "run.stopped"):
        event = to_ocsf(a_record(kind, {"why": "Vault is sealed"}))
        assert (event["severity_id"], event["status_id"]) == (4, 2)


def test_alert_has_the_severity_that_its_sender_gave() -> None:
    """An alert's own word becomes OCSF's; one that is not known, or is no text, is unknown."""
    said = [meaning_of("alert.firing", {"labels": {"severity": word}}).severity for word in ("critical", "?", ["x"])]
    assert said == [5, 0, 0]


def test_unknown_kind_is_a_base_event() -> None:
    """A kind that nobody has heard of is still an event, with everything under `unmapped`."""
    assert meaning_of("never.heard.of", {}).event_class is EventClass.BASE_EVENT


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
