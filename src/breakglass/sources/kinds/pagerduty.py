# SPDX-License-Identifier: GPL-3.0-or-later
"""PagerDuty's webhooks, version 3: what happens to an incident of PagerDuty's is an alert here.

Its incidents name no host. A policy takes it from a label: `title`, `incident_key` or `service`.
Source: https://developer.pagerduty.com/docs/webhooks-overview
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from breakglass.domain.alert import Alert, AlertStatus

from ..message import Message, UnreadableMessage
from ..strict_json import read_object, read_text, whole
from ..times import parse_time

if TYPE_CHECKING:
    from ..message import Delivery

FIRING, AGAIN, RESOLVED = "incident.triggered", "incident.reopened", "incident.resolved"
TEXTS = ("title", "incident_key", "urgency")
REFERENCES = ("service", "priority", "escalation_policy")


def parse(delivery: Delivery) -> Message:
    """Read one webhook; events that neither begin nor end a fault give no alert. Raises UnreadableMessage."""
    event = _object(read_object(delivery.body), "event")
    kind = read_text(event, "event_type")
    if kind not in (FIRING, AGAIN, RESOLVED):
        return Message((), 0, "")
    data = _object(event, "data")
    incident = read_text(data, "id")
    began = read_text(data, "created_at") if kind == FIRING else read_text(event, "occurred_at")
    return Message(
        alerts=(
            Alert(
                source=delivery.source,
                fingerprint=incident,
                group=incident,
                status=AlertStatus.RESOLVED if kind == RESOLVED else AlertStatus.FIRING,
                labels=MappingProxyType(_labels(data)),
                annotations=MappingProxyType({}),
                starts_at=parse_time(began, "occurred_at" if kind != FIRING else "created_at"),
                url=read_text(data, "html_url", ""),
            ),
        ),
        truncated=0,
        group=incident,
    )


def _labels(data: dict[str, object]) -> dict[str, str]:
    labels = {"alertname": read_text(data, "title")}
    for name in TEXTS:
        if isinstance(value := data.get(name), str):
            labels[name] = whole(value, name)
    for name in REFERENCES:
        reference = data.get(name)
        if isinstance(reference, dict) and isinstance(summary := reference.get("summary"), str):
            labels[name] = whole(summary, name)
    return labels


def _object(content: dict[str, object], key: str) -> dict[str, object]:
    value = content.get(key)
    if not isinstance(value, dict):
        raise UnreadableMessage(f"{key} is {'missing' if value is None else 'not an object'}.")
    return value
