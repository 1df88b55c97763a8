# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as CloudEvents."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import line_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.cloudevents import to_cloudevent
from tests.support.corpus import HOSTILE
from tests.support.journal_records import INCIDENT, OPERATOR_RUN, RUN, a_record, every_record

ATTRIBUTES = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"}
HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


@pytest.mark.parametrize("record", every_record(), ids=lambda record: record.kind)
def test_every_record_is_an_event(record) -> None:
    """An event has the required attributes of CloudEvents 1.0, each a text that is not empty, and no other ones."""
    event = to_cloudevent(record)
    assert event.keys() == ATTRIBUTES
    assert event["specversion"] == "1.0"
    assert all(isinstance(value, str) and value for name, value in event.items() if name != "data")
    assert datetime.fromisoformat(str(event["time"]).replace("Z", "+00:00")).tzinfo is not None


def test_data_is_the_record_itself() -> None:
    """A receiver can make the journal's line again from an event, and compare it."""
    for record in every_record():
        assert line_of(type(record)(**json.loads(json.dumps(to_cloudevent(record)["data"])))) == line_of(record)


def test_event_of_a_task() -> None:
    """Id, type, subject and time are those of the record; the source is what the sender says."""
    record = a_record("task.result", {"status": "ok"}, 7)
    event = to_cloudevent(record, "https://breakglass.example.com")
    assert event["id"] == record.id
    assert (event["type"], event["subject"], event["time"]) == ("breakglass.task.result", INCIDENT, record.at)
    assert event["source"] == "https://breakglass.example.com"


def test_subject_of_a_run_without_a_runner() -> None:
    """What an operator ran is about its run."""
    assert to_cloudevent(a_record("run.started", {}, 1, OPERATOR_RUN))["subject"] == RUN


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_source_is_always_a_uri_reference(text: str) -> None:
    """A source never has characters that a URI may not have, and is never empty."""
    printable = text.encode(errors="replace").decode()
    source = str(to_cloudevent(a_record("verified", {}), printable)["source"])
    assert source
    assert source.isascii()
    assert not set(source) & set(' "<>\\^`{|}\n\r\t\x00\x1b')
