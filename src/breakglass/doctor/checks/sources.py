# SPDX-License-Identifier: GPL-3.0-or-later
"""The senders: whether a message of each was ever taken in; where none was, what to tell the sender."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import DATABASE, SETTINGS, NotKnown
from breakglass.doctor.receiver import receiver
from breakglass.domain.senders import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.doctor.known import Known
    from breakglass.settings import Settings

NOBODY = Sender("")
GUIDE = "How to send it here: docs/guides/sources.md"


def look(known: Known) -> Iterator[Finding]:
    """One line for each source of the settings."""
    settings, senders = known[SETTINGS], _senders(known)
    for name in settings.sources:
        yield _look_at(settings, name, senders.get(name, NOBODY))


def _senders(known: Known) -> Mapping[str, Sender]:
    """Who was heard; nobody while there is no database."""
    try:
        return known[DATABASE].senders
    except NotKnown:
        return {}


def _look_at(settings: Settings, name: str, sender: Sender) -> Finding:
    about, heard, refused, now = f"source {name}", sender.heard_at, sender.refused_at, datetime.now(UTC)
    if refused and (heard is None or refused > heard):
        return wrong(
            about,
            f"its last message was refused {ago(refused, now)}: {sender.refusal} What was refused is not sent again",
        )
    if heard:
        return ok(about, f"a message of it was taken in {ago(heard, now)}")
    if settings.sources[name].kind == "alertmanager":
        words = "no message yet. Add this receiver to Alertmanager, and keep your pager's route (continue: true):"
        return wrong(about, words, receiver(settings, name))
    return wrong(about, f"no message yet. {GUIDE}")


def ago(moment: datetime, now: datetime) -> str:
    """How long ago something was, in whole seconds, minutes, hours or days."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
