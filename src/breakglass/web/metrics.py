# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for Prometheus. Label values are names of the settings and words of ours, never text of an alert."""

from __future__ import annotations

from collections import Counter as Counts
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from breakglass.domain.holds import Scope
from breakglass.domain.incident import State

if TYPE_CHECKING:
    from breakglass.runner import Runner


class Metrics:
    """The registry of one runner."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.messages = self._counter("messages", "Webhooks answered", ("source", "answer"))
        self.alerts = self._counter("alerts", "Alerts taken in", ("source", "reached"))
        self.unrecorded_refusals = self._counter("unrecorded_refusals", "Refused webhooks that could not be journalled")
        self.held_back = self._counter("calls_held_back", "Calls of the API that came too often", ("of",))
        self._incidents = self._gauge("incidents", "Incidents that are not closed", ("state",))
        self._holds = self._gauge("holds", "Holds that stand", ("scope", "set_by"))
        self._reviews = self._gauge("reviews", "Overrides that nobody has judged yet", ("overdue",))
        self._sessions = self._gauge("sessions", "Sessions of people on hosts that go on")
        self._waiting = self._gauge("records_waiting", "Records that wait to be written to the journal")
        self._unsealed = self._gauge("streams_unsealed", "Streams that are over and wait for their seal")
        self._ready = self._gauge("ready", "1 when the runner can do all of its work")
        self._gauge("start_time_seconds", "When the runner began, in seconds since 1970").set_to_current_time()
        self._beat = self._gauge(
            "heartbeat_last_success_timestamp_seconds",
            "When a heartbeat was last taken, in seconds since 1970; 0 when none was",
        )
        self._lost_beats = self._gauge("heartbeat_lost_in_a_row", "Heartbeats not taken since the last one that was")

    def text(self, runner: Runner) -> bytes:
        """All numbers as they are now, in Prometheus' text format."""
        counts = runner.incidents.count_by_state()
        for state in State:
            if state is not State.CLOSED:
                self._incidents.labels(state=state.value).set(counts.get(state, 0))
        standing = Counts((hold.scope, bool(hold.incident)) for hold in runner.holds.standing())
        for scope in Scope:
            for by_incident in (False, True):
                labels = {"scope": scope.value, "set_by": "incident" if by_incident else "person"}
                self._holds.labels(**labels).set(standing[scope, by_incident])
        due = Counts(review.overdue for review in runner.judging.reviews.due())
        for overdue in (False, True):
            self._reviews.labels(overdue=str(overdue).lower()).set(due[overdue])
        self._sessions.set(runner.doors.running.count())
        waiting, unsealed = runner.queue.counts()
        self._waiting.set(waiting)
        self._unsealed.set(unsealed)
        self._ready.set(0 if runner.troubles() else 1)
        self._beat.set(runner.heartbeat.last_success)
        self._lost_beats.set(runner.heartbeat.lost_in_a_row)
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"breakglass_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"breakglass_{name}", text, labels, registry=self._registry)
