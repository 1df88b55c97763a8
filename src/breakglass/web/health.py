# SPDX-License-Identifier: GPL-3.0-or-later
"""`/healthz`, `/readyz` and `/metrics`: whether the runner is alive, whether it can do its work, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, Self

from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field

from breakglass.web.operations import ANYBODY, TEXT, Call, Done, Operation, Refusal, Said, Shown, operation
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics


class Ready(Shown):
    """A runner that can do its work."""

    ready: Literal[True] = Field(description="It is.")


@dataclass(frozen=True)
class HealthPages:
    """What programs ask.

    Attributes:
        runner: Which is asked.
        metrics: Its numbers.
    """

    runner: Runner
    metrics: Metrics

    @classmethod
    def of(cls, runner: Runner, metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(runner, metrics)

    @operation(
        Operation(
            "GET",
            "/healthz",
            "isAlive",
            "Whether it is alive",
            Done(HTTPStatus.OK, "It answers.", media=TEXT),
            who=ANYBODY,
            group="health",
        )
    )
    async def healthz(self, _call: Call[Said]) -> str:
        """Says nothing of what it can do."""
        return "alive\n"

    @operation(
        Operation(
            "GET",
            "/readyz",
            "isReady",
            "Whether it can do all of its work",
            Done(HTTPStatus.OK, "It can.", Ready),
            who=ANYBODY,
            group="health",
            refusals=(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "It can't, and why."),),
        )
    )
    def readyz(self, _call: Call[Said]) -> Ready:
        """What is wrong is said in a sentence for people."""
        if troubles := self.runner.troubles():
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, " ".join(troubles))
        return Ready(ready=True)

    @operation(
        Operation(
            "GET",
            "/metrics",
            "showMetrics",
            "Its numbers",
            Done(HTTPStatus.OK, "In Prometheus' text format.", media=CONTENT_TYPE_LATEST),
            who=ANYBODY,
            group="health",
        )
    )
    def numbers(self, _call: Call[Said]) -> bytes:
        """Label values are names of the settings and words of the runner's own, never text of an alert."""
        return self.metrics.text(self.runner)
