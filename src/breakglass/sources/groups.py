# SPDX-License-Identifier: GPL-3.0-or-later
"""A group of alerts as Alertmanager sends it, and others that took over its shape.

Keys that a sender's documentation does not name are ignored: the vendor may add some. Annotations, labels and addresses are
texts of anybody, and stay texts.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

import rfc8785

from breakglass.domain.alert import Alert, AlertStatus

from .message import Message, UnreadableMessage
from .strict_json import read_text, whole
from .times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIGHEST_COUNT = 2**53 - 1  # the largest number that every JSON reader keeps exact (RFC 7493): it is journalled


def read_group(content: dict[str, object], source: str) -> Message:
    """Read a group of the source of this name; raises UnreadableMessage."""
    alerts = content.get("alerts")
    if not isinstance(alerts, list):
        raise UnreadableMessage("The message has no list `alerts`.")
    group = read_text(content, "groupKey", "")
    return Message(
        alerts=tuple(_alert(alert, source, group, f"alerts[{number}]") for number, alert in enumerate(alerts)),
        truncated=_truncated(content.get("truncatedAlerts", 0)),
        group=group,
    )


def _truncated(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _HIGHEST_COUNT:
        raise UnreadableMessage("truncatedAlerts is not a whole number from 0 to 2^53 - 1.")
    return value


def _alert(content: object, source: str, group: str, where: str) -> Alert:
    if not isinstance(content, dict):
        raise UnreadableMessage(f"{where} is not an object.")
    try:
        labels = _texts(content.get("labels"), "labels")
        return Alert(
            source=source,
            fingerprint=read_text(content, "fingerprint", "") or fingerprint(labels),
            group=group,
            status=_status(content.get("status")),
            labels=labels,
            annotations=_texts(content.get("annotations") or {}, "annotations"),
            starts_at=parse_time(read_text(content, "startsAt"), "startsAt"),
            url=read_text(content, "generatorURL", ""),
        )
    except UnreadableMessage as error:
        raise UnreadableMessage(f"{where}: {error}") from None


def _status(value: object) -> AlertStatus:
    if value not in ("firing", "resolved"):
        raise UnreadableMessage("status is neither firing nor resolved.")
    return AlertStatus(value)


def _texts(content: object, where: str) -> Mapping[str, str]:
    if not isinstance(content, dict):
        raise UnreadableMessage(f"{where} is {'missing' if content is None else 'not an object'}.")
    for name, value in content.items():
        if not isinstance(value, str):
            raise UnreadableMessage(f"The value of {name[:80]!r} in {where} is not text.")
        whole(name, f"A name in {where}")
        whole(value, f"The value of {name[:80]!r} in {where}")
    return MappingProxyType(dict(content))


def fingerprint(labels: Mapping[str, str]) -> str:
    """Give an identity of the label set, for a sender that sends none: SHA-256 (hex) of its canonical JSON."""
    canonical: bytes = rfc8785.dumps(dict(labels))
    return hashlib.sha256(canonical).hexdigest()
