# SPDX-License-Identifier: GPL-3.0-or-later
"""What "runs" in tests of the protocol with AWX alone: a job that ends as the test says, with the events of a real one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBERS = itertools.count(100)
ACCESSOR = "accessor-of-the-job"
OPENED: dict[str, object] = {
    "event": "runner_on_ok",
    "counter": 7,
    "event_data": {
        "host": "web1",
        "task": "Open the grant",
        "task_action": "breakglass.remediation.grant",
        "res": {"changed": True, "accessor": ACCESSOR},
    },
}


def stats(**ok: int) -> dict[str, object]:
    """The event that Ansible ends with."""
    return {"event": "playbook_on_stats", "counter": 99, "event_data": {"ok": ok}}


@dataclass
class StandIn:
    """A job that takes as many looks as its script has statuses; the last one stays.

    Attributes:
        script: What it becomes, one status after the other.
        events: What it tells.
    """

    script: list[str]
    events: list[dict[str, object]]
    number: int = field(default_factory=lambda: next(_NUMBERS))
    status: str = "pending"
    cancels: int = 0

    def start(self) -> None:
        self.status = "running"

    def is_over(self) -> bool:
        if self.script and self.status == "running" and not self.cancels:
            self.status = self.script.pop(0)
        return self.status not in {"pending", "running"}

    def cancel(self) -> None:
        self.cancels += 1
        if self.status == "running":
            self.status = "canceled"

    def end(self) -> None:
        """Nothing is left of it."""


def maker(*script: str, events: list[dict[str, object]] | None = None) -> Maker:
    """Makes jobs with this script."""
    return Maker(list(script), events if events is not None else [OPENED, stats(web1=5, web2=5)])


@dataclass
class Maker:
    """Makes the jobs of a server, and keeps them."""

    script: list[str]
    events: list[dict[str, object]]
    made: list[StandIn] = field(default_factory=list)

    def __call__(self, _extra_vars: Mapping[str, object], _limit: str, _job_type: str, _timeout: int) -> StandIn:
        self.made.append(StandIn(list(self.script), list(self.events)))
        return self.made[-1]
