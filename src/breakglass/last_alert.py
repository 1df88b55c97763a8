# SPDX-License-Identifier: GPL-3.0-or-later
"""The last alert that a sender sent, as the runner's journal has it: for `breakglass policy explain --last`."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.domain.alert import OURS, Alert, AlertStatus
from breakglass.errors import BreakglassError
from breakglass.reading import records_by_time, stories
from breakglass.timeline import event_of
from breakglass.triggers_report import runner_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from breakglass.reading import Troubles
    from breakglass.timeline import Event

_KINDS = {"alert.firing": AlertStatus.FIRING, "alert.resolved": AlertStatus.RESOLVED}
_UNMATCHED = "alert.unmatched"
DAY = len("2026/11/28")


class NoAlertYet(BreakglassError):
    """Raised when the journal has no alert of a sender."""


def last_alert(journal: Path, troubles: Troubles) -> tuple[Alert, datetime]:
    """Find it, and when it was recorded; only the newest day that has one is read to its end.

    Raises:
        NoAlertYet: There is none.
    """
    for streams in _days(journal):
        last = None
        for record in records_by_time(journal, streams, troubles):
            if (record.kind in _KINDS or record.kind == _UNMATCHED) and record.body.get("source") not in OURS:
                last = event_of(record)
        if last is not None:
            return _alert(last), last.at
    raise NoAlertYet(
        f"The journal {journal} has no alert of a sender yet. See what a sender needs: breakglass doctor; "
        "or explain a message of your own: breakglass policy explain FILE"
    )


def _days(journal: Path) -> Iterator[list[str]]:
    """The streams in which a runner records alerts, the newest day first."""
    streams = sorted({stream for story in stories(journal) for stream in runner_streams(story, None)}, reverse=True)
    return (list(of_a_day) for _, of_a_day in groupby(streams, lambda stream: stream[:DAY]))


def _alert(event: Event) -> Alert:
    body = event.body
    status = _KINDS.get(event.kind) or AlertStatus(plain(body.get("status")))
    began = plain(body.get("starts_at"))
    return Alert(
        source=plain(body.get("source")),
        fingerprint=plain(body.get("fingerprint")),
        group="",
        status=status,
        labels=_texts(body.get("labels")),
        annotations=_texts(body.get("annotations")),
        starts_at=datetime.fromisoformat(began) if began else event.at,
    )


def _texts(value: object) -> Mapping[str, str]:
    return {name: plain(text) for name, text in value.items()} if isinstance(value, dict) else {}
