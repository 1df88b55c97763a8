# SPDX-License-Identifier: GPL-3.0-or-later
"""How long `grant` and `ssh_certificate` take as tasks of a play, from the intent's record to the result's."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.site import Site

ROUNDS = 7


def measure(site: Site) -> dict[str, object]:
    """Milliseconds at the runner's door (unwrap), from the incidents that the alert benchmark left in the journal."""
    grants, certificates = [], []
    for directory in sorted(site.place.journal.glob("*/*/*/INC-*")):
        intents: dict[str, float] = {}
        for event in site.events(directory.name):
            if event.kind == "task.intent":
                intents[str(event.body["task"])] = event.at.timestamp()
            if event.kind == "task.result":
                took = (event.at.timestamp() - intents[str(event.body["task"])]) * 1000
                if event.body.get("accessor"):
                    grants.append(took)
                if event.body.get("serial"):
                    certificates.append(took)
    both = [one + other for one, other in zip(grants, certificates, strict=True)]
    return {"grant_ms": _median(grants), "ssh_certificate_ms": _median(certificates), "together_ms": _median(both)}


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)
