# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager's webhook, version 4.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Keys that are not named there are
ignored: the vendor may add some. Annotations, labels and addresses are texts of anybody, and stay texts.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING

import rfc8785

from breakglass.domain.alert import Alert, AlertStatus

from .message import Message, UnreadableMessage
from .strict_json import read_object, read_text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_HIGHEST_HOUR, _HIGHEST_MINUTE = 23, 59
_HIGHEST_COUNT = 2**53 - 1  # the largest number that every JSON reader keeps exact (RFC 7493): it is journalled


def parse(body: bytes, source: str) -> Message:
    """Read one webhook of the source of this name; raises UnreadableMessage."""
    content = read_object(body)
    if content.get("version") != "4":
        raise UnreadableMessage('The message is not of Alertmanager\'s webhook version "4".')
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


def parse_time(text: str, where: str) -> datetime:
    """Read an RFC 3339 time as UTC, cut to microseconds; raises UnreadableMessage."""
    found = _TIME.fullmatch(text)
    if not found:
        raise UnreadableMessage(f"{where} {text[:80]!r} is not an RFC 3339 time.")
    date, clock, fraction, sign, hours, minutes = found.groups()
    if sign and (int(hours) > _HIGHEST_HOUR or int(minutes) > _HIGHEST_MINUTE):
        raise UnreadableMessage(f"{where} {text[:80]!r} has no real offset.")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    zone = timezone(-offset if sign == "-" else offset)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=zone)
        return moment.astimezone(UTC).replace(microsecond=int((fraction or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        raise UnreadableMessage(f"{where} {text[:80]!r} is no real time.") from None
