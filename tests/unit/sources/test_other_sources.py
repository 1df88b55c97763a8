# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana, PagerDuty, CloudEvents and any JSON: what their documentation shows gives alerts, and nothing else does."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE

from breakglass.domain.alert import Alert, AlertStatus
from breakglass.sources import PARSERS, Delivery, FieldMap, Message, UnreadableMessage

STARTED = datetime(2026, 11, 27, 2, 51, 4, tzinfo=UTC)
GRAFANA: dict[str, Any] = {
    "receiver": "breakglass",
    "status": "firing",
    "orgId": 1,
    "version": "1",
    "groupKey": '{}/{severity="critical"}:{}',
    "truncatedAlerts": 2,
    "title": "[FIRING:1] nginx",
    "state": "alerting",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "nginx", "grafana_folder": "web", "instance": "web1"},
            "annotations": {"summary": "nginx is down"},
            "startsAt": "2026-11-27T03:51:04+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "values": {"B": 0, "C": 1},
            "valueString": "[ var='B' labels={instance=web1} value=0 ]",
            "generatorURL": "https://grafana.example.com/alerting/grafana/x/view",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example.com/alerting/silence/new",
            "dashboardURL": "",
            "panelURL": "",
            "imageURL": "",
        }
    ],
}
PAGERDUTY: dict[str, Any] = {
    "event": {
        "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-11-27T02:51:06.000Z",
        "agent": None,
        "client": {"name": "PagerDuty"},
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "self": "https://api.pagerduty.com/incidents/PGR0VU2",
            "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
            "number": 2,
            "status": "triggered",
            "incident_key": "web1/nginx",
            "created_at": "2026-11-27T02:51:04Z",
            "title": "nginx is down",
            "service": {"id": "PF9KMXH", "summary": "web", "type": "service_reference"},
            "assignees": [],
            "escalation_policy": {"id": "PUS0KTE", "summary": "on-call", "type": "escalation_policy_reference"},
            "teams": [],
            "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
            "urgency": "high",
            "conference_bridge": None,
            "resolve_reason": None,
        },
    }
}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "https://monitor.example.com/checks",
    "type": "com.example.check.failed",
    "subject": "web1",
    "time": "2026-11-27T02:51:04Z",
    "datacontenttype": "application/json",
    "data": {"status": "failed", "check": {"name": "nginx"}},
}
FIELDS = FieldMap(
    labels=MappingProxyType({"alertname": "check.name", "instance": "targets.0.host", "level": "level"}),
    starts_at="since",
    alerts="events.new",
    annotations=MappingProxyType({"summary": "text"}),
    status="state",
    resolved=("ok", "gone"),
    fingerprint="key",
    group="batch",
    url="link",
)
ITEM: dict[str, Any] = {
    "check": {"name": "nginx"},
    "targets": [{"host": "web1"}],
    "level": 3,
    "since": 1_795_747_864,
    "state": "failed",
    "key": "k-7",
    "batch": "b",
    "link": "https://x",
    "text": "down",
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


def read(kind: str, body: object, headers: dict[str, str] | None = None, fields: FieldMap | None = None) -> Message:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PARSERS[kind](Delivery("here", content, headers or {}, fields))


def only(message: Message) -> Alert:
    (alert,) = message.alerts
    return alert


def test_grafana() -> None:
    """Its alerts, its group and what it left out."""
    message = read("grafana", GRAFANA)
    alert = only(message)
    assert (message.truncated, message.group) == (2, GRAFANA["groupKey"])
    assert (alert.source, alert.fingerprint, alert.starts_at) == ("here", "c6eadffa33fcdf37", STARTED)
    assert alert.labels == GRAFANA["alerts"][0]["labels"]
    resolved = {**GRAFANA, "alerts": [{**GRAFANA["alerts"][0], "status": "resolved"}]}
    assert only(read("grafana", resolved)).status is AlertStatus.RESOLVED


@pytest.mark.parametrize("change", [{"version": "4"}, {"version": "2"}, {"orgId": ...}])
def test_what_is_not_grafana_s_is_refused(change: dict[str, object]) -> None:
    """Alertmanager's own, for example, and payloads that a contact point makes up."""
    body = {key: value for key, value in {**GRAFANA, **change}.items() if value is not ...}
    with pytest.raises(UnreadableMessage, match="kind json"):
        read("grafana", body)


def pagerduty(kind: str, **event: object) -> dict[str, object]:
    return {"event": {**PAGERDUTY["event"], "event_type": kind, **event}}


def test_pagerduty() -> None:
    """An incident of PagerDuty's is one alert, whatever happens to it."""
    alert = only(read("pagerduty", PAGERDUTY))
    assert (alert.fingerprint, alert.status, alert.starts_at) == ("PGR0VU2", AlertStatus.FIRING, STARTED)
    assert alert.labels == {
        "alertname": "nginx is down",
        "title": "nginx is down",
        "incident_key": "web1/nginx",
        "urgency": "high",
        "service": "web",
        "priority": "P1",
        "escalation_policy": "on-call",
    }
    resolved = only(read("pagerduty", pagerduty("incident.resolved", occurred_at="2026-11-27T03:00:00Z")))
    assert (resolved.fingerprint, resolved.status) == ("PGR0VU2", AlertStatus.RESOLVED)
    again = only(read("pagerduty", pagerduty("incident.reopened", occurred_at="2026-11-27T04:00:00Z")))
    assert again.status is AlertStatus.FIRING
    assert alert.starts_at < resolved.starts_at < again.starts_at


@pytest.mark.parametrize("kind", ["incident.acknowledged", "incident.annotated", "pagey.ping", "service.updated"])
def test_what_neither_begins_nor_ends_a_fault_is_no_alert(kind: str) -> None:
    """It is accepted all the same."""
    assert read("pagerduty", pagerduty(kind, data=None)).alerts == ()


@pytest.mark.parametrize(
    "body", [{}, {"event": 1}, {"event": {}}, pagerduty("incident.triggered", data=None), {"messages": []}]
)
def test_what_is_not_pagerduty_s_is_refused(body: object) -> None:
    """Version 2 of its webhooks, for example."""
    with pytest.raises(UnreadableMessage):
        read("pagerduty", body)


def test_a_structured_event() -> None:
    """Type, subject and source are labels; data.status says whether the fault is there."""
    alert = only(read("cloudevents", EVENT, STRUCTURED))
    assert alert.labels == {
        "alertname": "com.example.check.failed",
        "instance": "web1",
        "source": "https://monitor.example.com/checks",
    }
    assert (alert.status, alert.starts_at) == (AlertStatus.FIRING, STARTED)
    for word in ("resolved", "ok", "recovered", "closed"):
        over = only(read("cloudevents", {**EVENT, "id": "2", "data": {"status": word}}, STRUCTURED))
        assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, alert.fingerprint)
    assert only(read("cloudevents", {**EVENT, "data": "text"}, STRUCTURED)).status is AlertStatus.FIRING


def test_a_batch() -> None:
    """Each event is an alert."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    events = [EVENT, {**EVENT, "subject": "web2"}]
    assert [alert.labels["instance"] for alert in read("cloudevents", events, headers).alerts] == ["web1", "web2"]
    assert read("cloudevents", [], headers).alerts == ()


def test_a_binary_event() -> None:
    """Attributes are headers, percent-encoded; the body is the data."""
    headers = {f"ce-{name}": str(value) for name, value in EVENT.items() if name not in ("data", "datacontenttype")}
    headers |= {"ce-subject": "web%201%C3%A9", "content-type": "application/json"}
    alert = only(read("cloudevents", EVENT["data"], headers))
    assert alert.labels["instance"] == "web 1é"
    assert (
        only(read("cloudevents", b"\xff no json", {**headers, "content-type": "text/plain"})).status
        is AlertStatus.FIRING
    )
    mapped = FieldMap(MappingProxyType({"alertname": "data.check.name"}), "time")
    assert only(read("cloudevents", EVENT["data"], headers, mapped)).labels == {"alertname": "nginx"}


@pytest.mark.parametrize(
    ("change", "headers", "sentence"),
    [
        ({"specversion": "0.3"}, STRUCTURED, "specversion"),
        ({"id": ""}, STRUCTURED, "attribute id"),
        ({"type": 1}, STRUCTURED, "attribute type"),
        ({"time": ...}, STRUCTURED, "when the fault began, is missing"),
        ({"time": "yesterday"}, STRUCTURED, "no RFC 3339|is not an RFC 3339"),
        ({}, {"content-type": "application/json"}, "no CloudEvent"),
        ({}, {"content-type": "application/cloudevents-batch+json"}, "not a list"),
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, object], headers: dict[str, str], sentence: str) -> None:
    """With what is wrong with it."""
    body = {key: value for key, value in {**EVENT, **change}.items() if value is not ...}
    with pytest.raises(UnreadableMessage, match=sentence):
        read("cloudevents", body, headers)


def test_any_json() -> None:
    """Every field where the settings say that it is."""
    alert = only(read("json", {"events": {"new": [ITEM]}}, fields=FIELDS))
    assert alert.labels == {"alertname": "nginx", "instance": "web1", "level": "3"}
    assert (alert.fingerprint, alert.group, alert.url, alert.annotations) == (
        "k-7",
        "b",
        "https://x",
        {"summary": "down"},
    )
    assert alert.starts_at == datetime.fromtimestamp(ITEM["since"], UTC)
    assert (
        only(read("json", {"events": {"new": [{**ITEM, "state": "gone"}]}}, fields=FIELDS)).status
        is AlertStatus.RESOLVED
    )
    assert only(read("json", ITEM, fields=replace(FIELDS, alerts="", fingerprint=""))).fingerprint


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"since": ...}, "when the fault began, is missing"),
        ({"since": -1}, "no moment in seconds"),
        ({"since": 1e300}, "no moment in seconds"),
        ({"since": True}, "no moment"),
        ({"state": ...}, "status .* is missing"),
        ({"key": ""}, "key is missing or empty"),
        ({"level": {"a": 1}}, "neither a text nor a number"),
        ({"check": ..., "targets": [], "level": ...}, "None of the labels"),
    ],
)
def test_fields_that_are_not_there_are_said(change: dict[str, object], sentence: str) -> None:
    """By their path."""
    item = {key: value for key, value in {**ITEM, **change}.items() if value is not ...}
    with pytest.raises(UnreadableMessage, match=sentence):
        read("json", {"events": {"new": [item]}}, fields=FIELDS)


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in HOSTILE])
def test_hostile_text_stays_text(value: object) -> None:
    """In every field of every shape: it comes out unchanged, or is refused in a sentence."""
    grafana = {**GRAFANA, "groupKey": value, "alerts": [{**GRAFANA["alerts"][0], "labels": {"a": value}}]}
    data = {**PAGERDUTY["event"]["data"], "title": value, "id": value, "service": {"summary": value}}
    shapes = [
        ("grafana", grafana, {}, None),
        ("pagerduty", pagerduty("incident.triggered", data=data), {}, None),
        ("cloudevents", {**EVENT, "subject": value, "type": value, "data": value}, STRUCTURED, None),
        ("json", {"events": {"new": [{**ITEM, "check": {"name": value}, "text": value}]}}, {}, FIELDS),
    ]
    for kind, body, headers, fields in shapes:
        with suppress(UnreadableMessage):
            alert = only(read(kind, body, headers, fields))
            kept = {*alert.labels.values(), *alert.annotations.values()}
            assert value in kept or not isinstance(value, str), (kind, kept)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*GRAFANA, *GRAFANA["alerts"][0], *PAGERDUTY["event"], *EVENT, *ITEM, "events", "new"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@given(
    kind=st.sampled_from(sorted(PARSERS)),
    body=ANYTHING | st.binary(),
    type_=st.sampled_from(["", *STRUCTURED.values()]),
)
def test_whatever_comes_is_a_message_or_refused(kind: str, body: object, type_: str) -> None:
    """Nothing else is raised."""
    with suppress(UnreadableMessage):
        assert isinstance(read(kind, body, {"content-type": type_, "ce-specversion": "1.0"}, FIELDS), Message)
