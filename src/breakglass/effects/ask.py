# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking those who may approve: the question, through every channel that the approval names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.channels import deliver
from breakglass.domain.messages import Asked, NotAsked
from breakglass.effects.question_text import question_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


@dataclass(frozen=True)
class Ask:
    """The effect `ask`.

    Attributes:
        channels: Name to the file that holds the channel's Apprise URL; read anew each time.
        public_url: Where people reach the runner; empty where the settings do not say.
    """

    channels: Mapping[str, Path]
    public_url: str

    def run(self, incident: Incident) -> Outcome:
        """Send the question to every channel; one that takes it is enough, the others are named."""
        if incident.course.quorum is None:
            return NotAsked("nobody is to be asked")
        text = question_text(incident, self.public_url)
        took, failed = [], []
        for name in incident.course.quorum.notify:
            if why := deliver(self.channels, name, text.subject, text.body):
                failed.append(f"{name}: {why}")
            else:
                took.append(name)
        return Asked(tuple(took), tuple(failed)) if took else NotAsked("; ".join(failed))
