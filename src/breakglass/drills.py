# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills at work: begun when it is time or a person asks, followed until their alert may resolve, measured and put down.

The synthetic alert is a genuine message of Alertmanager, read by the same code as those that come in by the web, and takes
their way from there on. Who sends it plays the monitoring too: the alert resolves once the grant is proven gone.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from breakglass.domain.alert import DRILL, AlertStatus
from breakglass.domain.drills import Measured, Passage, Phase, drill_labels, hosts_of, measure
from breakglass.domain.incident import Result, State
from breakglass.reception import fresh_drill_id, trigger_of
from breakglass.sources import PARSERS, Delivery
from breakglass.store.journal_queue import incident_directory
from breakglass.timeline import Follower

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import Drill, Policy
    from breakglass.reception import Reception
    from breakglass.sources import Message
    from breakglass.store.drills import DrillRun, DrillRuns
    from breakglass.timeline import Event

EVERY_SECONDS = 0.5
PUNCTUAL = timedelta(minutes=1)
"""A scheduled drill that is later than this was missed, and does not run at a time that nobody expects."""
IN_VAIN = 3
"""Tries to tell people after which a drill has failed, though its incident goes on trying."""


def incident_records(journal: Path, incident: Incident) -> Sequence[Event]:
    """What the journal has of an incident, by time."""
    return Follower(journal / incident_directory(incident.id, incident.opened_at)).new_events()


class Drills:
    """The runner's drills: what `look` finds to do, again and again."""

    def __init__(self, runs: DrillRuns, reception: Reception, journal: Path) -> None:
        self._runs = runs
        self._reception = reception
        self._journal = journal

    def look(self) -> None:
        """Do once all that is to do now."""
        for drill in self._reception.in_force.now.policy.drills:
            self._keep_schedule(drill)
        for run in self._runs.wanted():
            self._begin(run)
        for run in self._runs.under_way():
            self._follow(run)

    def _keep_schedule(self, drill: Drill) -> None:
        if drill.schedule is None:
            return
        after = self._runs.looked_until(drill.name, str(drill.schedule))
        now = self._runs.now()
        due = drill.schedule.between(after, now)
        if not due:
            return
        late = [moment for moment in due if now - moment > PUNCTUAL]
        if late:
            self._runs.due(drill.name, fresh_drill_id(), late[-1], _missed(late))
        if due[-1] not in late:
            self._runs.due(drill.name, fresh_drill_id(), due[-1], "")

    def _begin(self, run: DrillRun) -> None:
        rules = self._reception.in_force.now
        drill = next((one for one in rules.policy.drills if one.name == run.name), None)
        if drill is None:
            why = f"the policy in force has no drill {run.name}; the runner reads it at its start and on SIGHUP"
            self._end(run, "failed", Measured((Passage(Phase.RECEIVED, None, why, failed=True),)))
            return
        hosts = hosts_of(drill, rules.hosts)
        host = hosts[self._runs.times_begun(drill.name) % len(hosts)] if hosts else ""
        self._reception.rehearse(drill, run.incident, self._firing(drill, run, host, rules.policy), run.missed)
        self._runs.begun(run.incident, "" if run.missed else host, check=drill.check)

    @staticmethod
    def _firing(drill: Drill, run: DrillRun, host: str, policy: Policy) -> Message:
        """Its alert has fired for as long as its trigger wants."""
        trigger = trigger_of(drill, policy)
        labels = drill_labels(drill, trigger, host)
        return _message(run, AlertStatus.FIRING, labels, run.wanted_at - trigger.limits.firing_for)

    def _follow(self, run: DrillRun) -> None:
        incident = self._reception.incidents.show(run.incident)
        if incident is None:
            return
        if incident.state in (State.VERIFYING, State.ESCALATED) and not incident.resolved:
            self._resolve(run, incident)
        events = incident_records(self._journal, incident)
        measured = measure(events)
        if incident.state is State.CLOSED:
            if any(event.kind == "incident.closed" for event in events):
                self._end(run, _result(run, incident, measured), measured)
        elif [event.kind for event in events].count("escalation.not_delivered") >= IN_VAIN:
            self._end(run, "failed", measured)

    def _resolve(self, run: DrillRun, incident: Incident) -> None:
        """Nothing was wrong, so the alert resolves as soon as the repair has had its chance."""
        for fault in incident.faults:
            labels = {"alertname": fault.name, "instance": run.host}
            self._reception.take(_message(run, AlertStatus.RESOLVED, labels, fault.starts_at))

    def _end(self, run: DrillRun, result: str, measured: Measured) -> None:
        passages = [(one.phase.value, one.seconds, one.sentence, one.failed) for one in measured.passages]
        self._runs.ended(run, result, passages)


def _message(run: DrillRun, status: AlertStatus, labels: Mapping[str, str], since: datetime) -> Message:
    """The synthetic alert, as Alertmanager would send it."""
    alert = {
        "status": status.value,
        "labels": dict(labels),
        "annotations": {"summary": f"DRILL {run.name}: nothing is wrong"},
        "startsAt": since.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": run.incident,
    }
    body = {"version": "4", "groupKey": run.incident, "truncatedAlerts": 0, "status": status.value, "alerts": [alert]}
    return PARSERS["alertmanager"](Delivery(DRILL, json.dumps(body).encode()))


def _result(run: DrillRun, incident: Incident, measured: Measured) -> str:
    if run.missed:
        return "missed"
    if incident.result is Result.CANCELLED:
        return "gave way"
    return "passed" if incident.result is Result.REHEARSED and measured.complete else "failed"


def _missed(late: list[datetime]) -> str:
    times = f"{len(late)} times, the last time" if len(late) > 1 else "once,"
    return (
        f"the drill was missed {times} at {late[-1]:%Y-%m-%d %H:%M} UTC, because no runner worked then: run it by hand "
        "(breakglass drill run), or wait for its next time"
    )
