# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people: the message of the current rung, through every channel that the rung names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from breakglass.domain.drills import measure
from breakglass.domain.messages import Delivered, NotDelivered
from breakglass.effects.drill_text import drill_text
from breakglass.effects.escalation_text import escalation_text
from breakglass.errors import BreakglassError
from breakglass.settings import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from breakglass.domain.drills import Recorded
    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


def _no_records(_incident: Incident) -> Sequence[Recorded]:
    return ()


@dataclass(frozen=True)
class Escalate:
    """The effect `escalate`.

    Attributes:
        channels: Name to the file that holds the channel's Apprise URL; read anew each time, so that it can be rotated.
        records: What the journal has of an incident; what a drill measured is told by it.
    """

    channels: Mapping[str, Path]
    records: Callable[[Incident], Sequence[Recorded]] = field(default=_no_records)

    def run(self, incident: Incident) -> Outcome:
        """Deliver to every channel of the rung; one that takes it is enough to go on, the others are named."""
        if incident.escalation is None:
            return NotDelivered("nothing is to be told")
        rung = incident.course.ladder.rungs[incident.escalation.rung]
        if incident.course.drill:
            text = drill_text(incident, measure(self.records(incident)))
        else:
            text = escalation_text(incident)
        took, failed = [], []
        for name in rung.notify:
            why = self._deliver(name, text.subject, text.body)
            if why:
                failed.append(f"{name}: {why}")
            else:
                took.append(name)
        return Delivered(tuple(took), tuple(failed)) if took else NotDelivered("; ".join(failed))

    def _deliver(self, channel: str, subject: str, body: str) -> str:
        """Empty when the channel took the message, else why not."""
        import apprise  # noqa: PLC0415 (costly, and most runners never need it)

        if channel not in self.channels:
            return "the settings have no channel of this name any more"
        try:
            url = read_secret_file(self.channels[channel])
        except BreakglassError as error:
            return str(error)
        sender = apprise.Apprise()
        if not sender.add(url):
            return "its file does not hold an Apprise URL"
        taken = sender.notify(title=subject, body=body, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False)
        return "" if taken else "it did not take the message"
