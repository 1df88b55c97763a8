# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an alert's fields are in a message without a fixed shape: paths of the settings, followed and never computed.

A path is keys joined by dots, with numbers for items of lists: `check.name`, `targets.0.host`. What it leads to is a text,
a number or a truth value; anything else is no field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from breakglass.domain.alert import Alert, AlertStatus

from .groups import fingerprint
from .message import UnreadableMessage
from .strict_json import whole
from .times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LATEST_SECOND = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True)
class FieldMap:
    """Paths to the fields of one alert.

    Attributes:
        alerts: To the list of alerts; empty when the message is one alert.
        labels: Of each label.
        annotations: Of each annotation.
        status: To a text that says whether the fault is there; empty when every message says that it is.
        resolved: What that text is when it is not.
        starts_at: To the moment when the fault began: RFC 3339, or seconds since 1970.
        fingerprint: To the sender's identity of the fault; empty for the digest of the labels.
        group: To the sender's key for alerts that belong together.
        url: To the sender's page about it.
    """

    labels: Mapping[str, str]
    starts_at: str
    alerts: str = ""
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    status: str = ""
    resolved: tuple[str, ...] = ("resolved",)
    fingerprint: str = ""
    group: str = ""
    url: str = ""

    def items(self, content: dict[str, object]) -> Sequence[object]:
        """The alerts of a message; raises UnreadableMessage."""
        if not self.alerts:
            return [content]
        found = follow(content, self.alerts)
        if not isinstance(found, list):
            raise UnreadableMessage(f"{self.alerts} is not a list.")
        return found

    def alert(self, content: object, source: str) -> Alert:
        """One alert; raises UnreadableMessage when a field that it needs is missing or has another shape."""
        labels = {name: text for name, path in self.labels.items() if (text := _text(content, path)) is not None}
        if not labels:
            raise UnreadableMessage("None of the labels is there; look at the paths of the source in the settings.")
        status = _text(content, self.status) if self.status else None
        if self.status and status is None:
            raise UnreadableMessage(f"The status ({self.status}) is missing.")
        return Alert(
            source=source,
            fingerprint=_wanted(content, self.fingerprint) if self.fingerprint else fingerprint(labels),
            group=(_text(content, self.group) or "") if self.group else "",
            status=AlertStatus.RESOLVED if status in self.resolved else AlertStatus.FIRING,
            labels=MappingProxyType(labels),
            annotations=MappingProxyType(
                {name: text for name, path in self.annotations.items() if (text := _text(content, path)) is not None}
            ),
            starts_at=_moment(content, self.starts_at),
            url=(_text(content, self.url) or "") if self.url else "",
        )


def follow(content: object, path: str) -> object:
    """What stands at the end of a path; None when nothing does."""
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isascii() and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content


def _text(content: object, path: str) -> str | None:
    found = follow(content, path)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, (int, float)):
        return f"{found:g}" if isinstance(found, float) else str(found)
    if found is None or isinstance(found, str):
        return None if found is None else whole(found, path)
    raise UnreadableMessage(f"{path} is neither a text nor a number.")


def _wanted(content: object, path: str) -> str:
    if not (text := _text(content, path)):
        raise UnreadableMessage(f"{path} is missing or empty.")
    return text


def _moment(content: object, path: str) -> datetime:
    found = follow(content, path)
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        if not 0 <= found <= _LATEST_SECOND:
            raise UnreadableMessage(f"{path} is no moment in seconds since 1970.")
        return datetime.fromtimestamp(found, UTC)
    if not isinstance(found, str):
        raise UnreadableMessage(f"{path}, when the fault began, is {'missing' if found is None else 'no moment'}.")
    return parse_time(found, path)
