# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records somebody wants to see: by time, host, kind, and text. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.duration import UnreadableDuration, duration

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.timeline import Event

_WITH_HOSTS = ("hosts", "principals")


class UnreadableMoment(BreakglassError):
    """Raised when a text names no moment."""


@dataclass(frozen=True)
class Period:
    """From `since` to just before `until`; None is without an end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def __str__(self) -> str:
        """Say it, for people."""
        ends = [f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "" for moment in (self.since, self.until)]
        return f"from {ends[0] or 'the beginning'} to {ends[1] or 'now'}"


@dataclass(frozen=True)
class Selection:
    """What is wanted.

    Attributes:
        period: When it was recorded.
        hosts: What it is about, one of these; empty for all.
        kinds: One of these, or a first word of them (`task` has `task.result`); empty for all.
        text: Stands in it or in its line, in upper or lower case; empty for all.
    """

    period: Period = Period()
    hosts: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    text: str = ""

    def takes(self, event: Event, line: str = "") -> bool:
        """Whether an event, told as this line, is wanted."""
        return (
            self.period.holds(event.at)
            and (not self.kinds or bool({event.kind, event.kind.partition(".")[0]} & self.kinds))
            and (not self.hosts or bool(_hosts_of(event.body) & self.hosts))
            and (not self.text or self.text.casefold() in f"{line}\n{_all_text(event)}".casefold())
        )


def moment_of(text: str, now: datetime) -> datetime:
    """Read a moment: `2026-11-22`, `2026-11-22T03:00`, with or without a time zone (UTC), or `7d`: so long ago.

    Raises:
        UnreadableMoment: It is none of these.
    """
    try:
        return now - duration(text)
    except UnreadableDuration:
        pass
    except OverflowError:
        raise _unreadable(text) from None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable(text) from None


def period_of(since: str | None, until: str | None, now: datetime) -> Period:
    """Read both ends of a period; raises UnreadableMoment."""
    return Period(*(moment_of(text, now) if text else None for text in (since, until)))


def _unreadable(text: str) -> UnreadableMoment:
    return UnreadableMoment(
        f"{text[:60]!r} is not a moment. Write a day (2026-11-22), a time (2026-11-22T03:00, in UTC), or how long ago (7d)."
    )


def _hosts_of(body: Mapping[str, object]) -> set[str]:
    hosts = {plain(body.get("host"))}
    for name in _WITH_HOSTS:
        value = body.get(name)
        if isinstance(value, (list, dict)):
            hosts.update(plain(one) for one in value)
    facts = body.get("facts")
    return hosts | (_hosts_of(facts) if isinstance(facts, dict) else set())


def _all_text(event: Event) -> str:
    return f"{event.kind} {json.dumps(dict(event.body), ensure_ascii=False)}"
