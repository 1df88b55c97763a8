# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudEvents 1.0 over HTTP: structured, batched and binary.

Without `fields:` in the settings an event's type is the alert's name, its subject the host, and `data.status` says whether
the fault is there. Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..fields import FieldMap
from ..message import Message, UnreadableMessage
from ..strict_json import read_json, read_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..message import Delivery

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
REQUIRED = ("id", "source", "type")
PREFIX = "ce-"
DEFAULT = FieldMap(
    labels=MappingProxyType({"alertname": "type", "instance": "subject", "source": "source"}),
    starts_at="time",
    status="",
    resolved=("resolved", "ok", "recovered", "closed"),
)


def parse(delivery: Delivery) -> Message:
    """Read one request: one event or a batch; raises UnreadableMessage."""
    alerts = []
    for number, event in enumerate(_events(delivery)):
        fields = delivery.fields or _default(event)
        try:
            alerts.append(fields.alert(_checked(event), delivery.source))
        except UnreadableMessage as error:
            raise UnreadableMessage(f"event {number}: {error}") from None
    return Message(tuple(alerts), 0, "")


def _default(event: dict[str, object]) -> FieldMap:
    """An event without a status says that the fault is there."""
    data = event.get("data")
    return _WITH_STATUS if isinstance(data, dict) and "status" in data else DEFAULT


_WITH_STATUS = FieldMap(DEFAULT.labels, DEFAULT.starts_at, status="data.status", resolved=DEFAULT.resolved)


def _events(delivery: Delivery) -> Iterator[dict[str, object]]:
    kind = delivery.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == BATCH:
        batch = read_json(delivery.body)
        if not isinstance(batch, list):
            raise UnreadableMessage("The batch is not a list.")
        for event in batch:
            if not isinstance(event, dict):
                raise UnreadableMessage("The batch holds something that is no event.")
            yield event
    elif kind == STRUCTURED:
        yield read_object(delivery.body)
    elif "ce-specversion" in delivery.headers and delivery.headers_unproven:
        raise UnreadableMessage(
            "The event is in binary mode, which puts its attributes into headers, and this source's signature covers the body "
            f"alone: whoever listened could send it again about another host. Have the sender use structured mode ({STRUCTURED})."
        )
    elif "ce-specversion" in delivery.headers:
        yield _binary(delivery, kind)
    else:
        raise UnreadableMessage(
            f"The request is no CloudEvent: its Content-Type is neither {STRUCTURED} nor {BATCH}, and it has no header "
            "ce-specversion."
        )


def _binary(delivery: Delivery, kind: str) -> dict[str, object]:
    attributes: dict[str, object] = {
        name.removeprefix(PREFIX): unquote(value) for name, value in delivery.headers.items() if name.startswith(PREFIX)
    }
    is_json = kind == "application/json" or kind.endswith("+json")
    return {**attributes, **({"data": read_json(delivery.body)} if is_json and delivery.body else {})}


def _checked(event: dict[str, object]) -> dict[str, object]:
    if event.get("specversion") != "1.0":
        raise UnreadableMessage('Its specversion is not "1.0".')
    for name in REQUIRED:
        if not (isinstance(value := event.get(name), str) and value):
            raise UnreadableMessage(f"Its attribute {name} is missing or empty.")
    return event
