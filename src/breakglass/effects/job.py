# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a play as a job of AWX: launched once, followed to its end, cancelled when it must stop.

The job logs in to Vault itself and opens its own grant; it gets plain values, which AWX marks as no templates, and which
incident, attempt and plan it belongs to. By these it is found again when its runner has died, or when the answer to its
launch was lost: nothing is ever launched a second time for one attempt.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import yaml

from breakglass.domain.incident import PlayOutcome
from breakglass.domain.messages import NotStarted, PlayEnded
from breakglass.effects.awx_api import BusyAwx, RefusedByAwx, UnansweredByAwx
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.domain.plan import Plan
    from breakglass.effects.awx_api import Awx, Job, JobEvent, Launched

LOOK_EVERY_SECONDS = 1.0
LAUNCH_PATIENCE_SECONDS = 120.0  # with an AWX that is busy
FIND_PATIENCE_SECONDS = 300.0  # with an AWX that does not answer
LOOKS_FOR_LOST_JOB = 5  # a launch whose answer was lost may show up late
QUEUE_SECONDS = 300.0  # a job may wait that long for a place in AWX, beside its time box
END_PATIENCE_SECONDS = 120.0  # for a job that was told to end
OVER = frozenset({"successful", "failed", "error", "canceled"})
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
GRANT_ACTION = "breakglass.remediation.grant"
LONGEST_REASON = 300
_TEXT_TAG = "tag:yaml.org,2002:str"
_TIMED_OUT = "terminated due to timeout"


class UnfitForAwx(BreakglassError):
    """Raised for a plan that AWX would not hand over as it is."""


@dataclass
class RunJob:
    """The effect `run-play` for accesses whose plays are jobs.

    Attributes:
        awx: Where; None when the settings name none any more.
        stopping: Set when every job must end now.
        cancelled: Incidents whose job a person wants ended.
    """

    awx: Awx | None
    stopping: threading.Event = field(default_factory=threading.Event)
    cancelled: set[str] = field(default_factory=set)

    def run(self, incident: Incident) -> Outcome:
        """Launch the job of the current attempt, and follow it."""
        plan = incident.course.plan
        if self.awx is None or plan is None:
            return NotStarted("the settings name no AWX any more that could run it")
        try:
            extra_vars, limit = variables_of(incident, plan), limit_of(plan)
            launched = self._launch(self.awx, extra_vars, limit, "check" if plan.check_mode else "run", incident.id)
            ignored = ", ".join(sorted(launched.ignored_fields))
        except UnansweredByAwx as error:
            return self._look_for(incident, plan, f"whether AWX launched the job is unknown: {error}")
        except BreakglassError as error:
            return NotStarted(str(error))
        return self._follow(self.awx, incident, plan, launched.id, f"AWX ignored its {ignored}" if ignored else "")

    def recover(self, incident: Incident) -> Outcome:
        """Find the job of a runner that died, and follow it to its end; nothing is launched."""
        plan = incident.course.plan
        if self.awx is None or plan is None:
            return _unknown("the settings name no AWX any more that could be asked", _latest_end(plan))
        return self._look_for(incident, plan, "the runner died when it launched the job, and AWX has none for it")

    def end(self, incident: str) -> None:
        """A person has cancelled it."""
        self.cancelled.add(incident)

    def end_all(self) -> None:
        """Cancel every job, and every one that begins, until `allow`."""
        self.stopping.set()

    def allow(self) -> None:
        """Jobs may run again."""
        self.stopping.clear()

    def keep(self, incidents: Collection[str], until: float) -> None:
        """A job goes on without its runner: whoever takes the incident over finds it again."""

    def _launch(self, awx: Awx, extra_vars: Mapping[str, object], limit: str, job_type: str, incident: str) -> Launched:
        """Launch it, once AWX has a moment. Raises what `Awx.launch` does, but for BusyAwx: RefusedByAwx."""
        until = time.monotonic() + LAUNCH_PATIENCE_SECONDS
        prepared = False
        while True:
            if self.stopping.is_set() or incident in self.cancelled:
                raise RefusedByAwx("it was called off before the job was launched")
            try:
                if not prepared:
                    _asked_first(awx.require_prompts)
                    prepared = True
                return awx.launch(extra_vars, limit, job_type)
            except BusyAwx as busy:
                if time.monotonic() + busy.wait_seconds > until:
                    raise RefusedByAwx(f"{busy} That was too long.") from None
                self.stopping.wait(busy.wait_seconds)

    def _look_for(self, incident: Incident, plan: Plan, otherwise: str) -> Outcome:
        """The job of this attempt, if there is one; `otherwise` is what is said when there is none."""
        awx = self.awx
        if awx is None:
            return _unknown(otherwise, _latest_end(plan))
        until, looks = time.monotonic() + FIND_PATIENCE_SECONDS, 0
        while looks < LOOKS_FOR_LOST_JOB and time.monotonic() < until and not self.stopping.is_set():
            try:
                found = [job for job in awx.newest_jobs() if _belongs(job, incident, plan)]
            except BreakglassError:
                found = []
            else:
                looks += 1
            if found:
                return self._follow(awx, incident, plan, min(job.id for job in found))
            self.stopping.wait(LOOK_EVERY_SECONDS)
        return _unknown(otherwise, _latest_end(plan))

    def _follow(self, awx: Awx, incident: Incident, plan: Plan, number: int, why: str = "") -> Outcome:
        """Until AWX says that it is over, or nobody can say any more; a job that must end (`why`) is cancelled."""
        deadline = time.monotonic() + plan.time_box_seconds + QUEUE_SECONDS
        give_up = float("inf")
        while True:
            pause = LOOK_EVERY_SECONDS
            try:
                job = awx.job(number)
                if job.status in OVER and (job.event_processing_finished or time.monotonic() > give_up):
                    self.cancelled.discard(incident.id)
                    return _ended(awx, job, plan, why)
                if job.status in OVER:
                    give_up = min(give_up, time.monotonic() + END_PATIENCE_SECONDS)
                elif why := why or self._must_end(incident.id, deadline):
                    give_up = min(give_up, time.monotonic() + END_PATIENCE_SECONDS)
                    awx.cancel(number)
            except BusyAwx as busy:
                pause = busy.wait_seconds
            except BreakglassError:
                why = why or self._must_end(incident.id, deadline)
                if why:
                    give_up = min(give_up, time.monotonic() + END_PATIENCE_SECONDS)
            if time.monotonic() > give_up:
                self.cancelled.discard(incident.id)
                return _unknown(
                    f"AWX does not say what became of job {number} ({why or 'its events'})", _latest_end(plan)
                )
            time.sleep(pause)

    def _must_end(self, incident: str, deadline: float) -> str:
        if incident in self.cancelled:
            return "a person cancelled the incident"
        if self.stopping.is_set():
            return "the runner stopped"
        return "its time box is over" if time.monotonic() > deadline else ""


def variables_of(incident: Incident, plan: Plan) -> dict[str, object]:
    """The extra variables of a job, plain values; raises UnfitForAwx."""
    for name, value in plan.parameters.items():
        _require_fit(name, value)
    drill = f"drill {incident.course.drill}, " if incident.course.drill else ""
    return {
        **plan.parameters,
        "remediate_role": plan.remediation,
        "remediate_access": plan.access,
        "remediate_user": plan.user,
        "remediate_time_box": f"{plan.time_box_seconds}s",
        "remediate_reason": f"{incident.id}: {drill}{incident.course.trigger}, attempt {incident.attempt.number}",
        **({"remediate_serial": plan.batches} if plan.batches else {}),
        **_marks(incident, plan),
    }


def limit_of(plan: Plan) -> str:
    """The plan's hosts as a limit, in which no name is a pattern; raises UnfitForAwx."""
    if odd := [host for host in plan.hosts if not HOST.fullmatch(host)]:
        raise UnfitForAwx(f"AWX would read {len(odd)} of the host names as a pattern: rename them in the inventory.")
    return ",".join(plan.hosts)


def _marks(incident: Incident, plan: Plan) -> dict[str, str]:
    """By what a job is found again."""
    return {
        "remediate_incident": incident.id,
        "remediate_attempt": f"attempt {incident.attempt.number}",
        "remediate_plan_digest": plan.digest,
    }


def _belongs(job: Job, incident: Incident, plan: Plan) -> bool:
    return _marks(incident, plan).items() <= job.variables.items()


def _require_fit(name: str, value: object) -> None:
    """AWX writes texts into YAML with a mark that newer cores read by their look: `yes` would arrive as a truth."""
    if isinstance(value, list):
        for one in value:
            _require_fit(name, one)
    elif isinstance(value, dict):
        raise UnfitForAwx(f"The parameter {name} is a mapping, which AWX does not hand over unchanged.")
    elif isinstance(value, str) and value and _yaml_tag(value) != _TEXT_TAG:
        raise UnfitForAwx(
            f"The parameter {name} is a text that looks like a number, a date or a truth; AWX would change it."
        )


def _yaml_tag(text: str) -> str:
    return str(yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _asked_first(ask: Callable[[], object]) -> None:
    """What comes before a launch has launched nothing: no answer to it is a no."""
    try:
        ask()
    except UnansweredByAwx as error:
        raise RefusedByAwx(str(error)) from None


def _latest_end(plan: Plan | None) -> datetime:
    """When a grant that a job opens now is over at the latest."""
    return datetime.now(UTC) + timedelta(seconds=plan.time_box_seconds if plan else 0)


def _unknown(sentence: str, over_by: datetime) -> PlayEnded:
    return PlayEnded(PlayOutcome.UNKNOWN, sentence, over_by=over_by)


def _ended(awx: Awx, job: Job, plan: Plan, why: str) -> PlayEnded:
    """What a job that is over came to, and which grant it opened."""
    accessor, over_by = _grant_of(awx, job, plan)
    outcome, sentence = _judged(awx, job, plan, why)
    return PlayEnded(outcome, f"{sentence} (AWX job {job.id})", accessor, over_by)


def _grant_of(awx: Awx, job: Job, plan: Plan) -> tuple[str, datetime | None]:
    """The accessor, else until when an unseen grant may live; neither for a job that never came to run."""
    try:
        for event in awx.events(job.id, "runner_on_ok"):
            result = event.event_data.get("res")
            if event.event_data.get("task_action") == GRANT_ACTION and isinstance(result, dict):
                return str(result.get("accessor", "")), None
    except BreakglassError:
        return "", _latest_end(plan)
    # A job that ended in order has told all of its events; one that was cut off may have opened a grant after the last of them.
    orderly = job.started is None or job.status == "successful" or (job.status == "failed" and not job.job_explanation)
    return "", None if orderly else _latest_end(plan)


def _judged(awx: Awx, job: Job, plan: Plan, why: str) -> tuple[PlayOutcome, str]:
    match job.status:
        case "successful":
            return _on_all_hosts(awx, job, plan)
        case "failed" if _TIMED_OUT in job.job_explanation:
            return PlayOutcome.TIMED_OUT, "the job was ended by the timeout of its template"
        case "failed" if not job.job_explanation:
            return PlayOutcome.FAILED, _failure(awx, job) or "the job failed"
        case "canceled" if why and job.started is None:
            return PlayOutcome.FAILED, f"the job never came to run, and was cancelled: {why}"
        case "canceled" if "time box" in why:
            return PlayOutcome.TIMED_OUT, f"the job was cancelled after its time box of {plan.time_box_seconds} s"
        case "canceled" if why:
            return PlayOutcome.STOPPED, f"the job was cancelled because {why}"
        case "canceled":
            return PlayOutcome.UNKNOWN, "somebody cancelled the job in AWX, perhaps in the middle of a task"
    told = "".join(one if one.isprintable() else " " for one in job.job_explanation)[:LONGEST_REASON]
    return PlayOutcome.UNKNOWN, f"AWX lost the job: {told or 'it does not say why'}"


def _on_all_hosts(awx: Awx, job: Job, plan: Plan) -> tuple[PlayOutcome, str]:
    try:
        worked = awx.hosts(job.id)
    except BreakglassError as error:
        return PlayOutcome.UNKNOWN, f"the job ended well, but AWX does not say on which hosts: {error}"
    if missed := [host for host in plan.hosts if not worked.get(host)]:
        return PlayOutcome.FAILED, f"the job did nothing on {', '.join(missed)}"
    return PlayOutcome.OK, "the remediation ran and its own check passed"


def _failure(awx: Awx, job: Job) -> str:
    """What failed last and was not ignored, in words; empty when AWX does not say."""
    try:
        failed = [
            event for event in awx.events(job.id, "runner_on_failed") if not event.event_data.get("ignore_errors")
        ]
    except (BusyAwx, RefusedByAwx, UnansweredByAwx):
        return ""
    return _told(failed[-1]) if failed else ""


def _told(event: JobEvent) -> str:
    result = event.event_data.get("res")
    message = result.get("msg", "") if isinstance(result, dict) else ""
    words = f"{event.event_data.get('host', '')}: {event.event_data.get('task', '')} failed: {message}"
    return "".join(one if one.isprintable() else " " for one in words)[:LONGEST_REASON]
