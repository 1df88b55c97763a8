# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a play: everything that it needs is laid down in its run's directory, then its play process gets the word."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.register import credential_stream

from breakglass.domain.incident import PlayOutcome
from breakglass.domain.messages import Interrupted, NotStarted, PlayEnded
from breakglass.domain.plan import Rollout
from breakglass.effects.inert import inert_json
from breakglass.effects.play_changes import read_changes
from breakglass.effects.play_story import read_story
from breakglass.effects.runs import ALIVE
from breakglass.errors import BreakglassError
from breakglass.store.journal_queue import incident_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.domain.plan import Plan
    from breakglass.effects.handover import Handover
    from breakglass.effects.play_story import PlayStory
    from breakglass.effects.runs import PlayProcess, Runs
    from breakglass.journal import Journal

PLAYBOOK = "breakglass.remediation.remediate"
UNRECORDABLE = 97
NOBODY_SAW = 254  # ansible-runner's code for a play that did not exit by itself
LOOK_EVERY_SECONDS = 0.5
FIRST_WORD_IS_GOOD_SECONDS = 7.0  # until its leases are renewed for the first time, which happens within seconds
LONGEST_END_SECONDS = 60  # the play process ends its play at the end of the box, and needs a while for that


@dataclass
class RunPlay:
    """The effect `run-play`.

    Attributes:
        runs: Where play processes come from.
        handover: Where the wrapped grant waits.
        journal: Where the play's stream is announced.
        inventory: The site's inventory.
        current_digest: Content digest of a remediation as its files are now.
        left_results: What plays of a dead runner came to, by incident and attempt.
        stopping: Set when every play must end now: the runner stops, or has lost its database.
        cancelled: Incidents whose play a person wants ended.
        kept: Until when each incident is this runner's, by the monotonic clock; its play ends when that is over.
    """

    runs: Runs
    handover: Handover
    journal: Journal
    inventory: Path
    current_digest: Callable[[str], str]
    left_results: Mapping[tuple[str, str], Mapping[str, object]]
    stopping: threading.Event = field(default_factory=threading.Event)
    cancelled: set[str] = field(default_factory=set)
    kept: dict[str, float] = field(default_factory=dict)

    def run(self, incident: Incident) -> Outcome:
        """Run the remediation of the incident's plan, or the preview of that, under the grant of its current attempt."""
        plan, number = incident.at_hand, incident.attempt.number
        token = self.handover.take(incident.id, number)
        if plan is None or token is None:
            return NotStarted(
                "nobody has the token of this grant: it was minted by a runner that has died, or never seen alive"
            )
        try:
            if self.current_digest(plan.remediation) != plan.content_digest:
                return NotStarted(f"the files of {plan.remediation} have changed since the plan was made")
            stream = f"{incident_directory(incident.id, incident.opened_at)}/play-{number}"
            for name in (stream, credential_stream(stream)):
                self.journal.announce(name, incident.id)
            play = self.runs.take()
        except BreakglassError as error:
            return NotStarted(str(error))
        try:
            self._lay_down(play, incident, plan, stream, token)
        except (BreakglassError, OSError) as error:
            play.dismiss()
            return NotStarted(f"what the play needs could not be written: {error}")
        if self.stopping.is_set():
            play.dismiss()
            return NotStarted("the runner is stopping")
        self.kept[incident.id] = time.monotonic() + FIRST_WORD_IS_GOOD_SECONDS
        play.say("go")
        self._wait(play, incident.id, time.monotonic() + plan.time_box_seconds + LONGEST_END_SECONDS)
        with suppress(
            BreakglassError
        ):  # then it is sealed with its incident; the play's outcome must not be lost for it
            self.journal.over(stream)
            self.journal.over(credential_stream(stream))
        # The directory stays until the grant is closed: a crash before this outcome is durable must find the result,
        # and if the play process was killed, its run's lock leads to what goes on without it.
        result = play.result()
        by_a_person = incident.id in self.cancelled
        self.cancelled.discard(incident.id)
        self.kept.pop(incident.id, None)
        if result and by_a_person and result.get("outcome") == "stopped":
            return PlayEnded(PlayOutcome.STOPPED, "the play was ended because a person cancelled the incident")
        if result is None:
            return PlayEnded(PlayOutcome.UNKNOWN, "the play process was killed")
        return self._told(result, stream, incident, plan)

    def recover(self, incident: Incident) -> Outcome:
        """What became of a play whose runner died: its result if it had one, else nobody knows."""
        number = incident.attempt.number
        result = self.left_results.get((incident.id, str(number))) or self.runs.result_of(incident.id, number)
        if result is None or result.get("outcome") != "ended" or incident.at_hand is None:
            return Interrupted()
        stream = f"{incident_directory(incident.id, incident.opened_at)}/play-{number}"
        return self._told(result, stream, incident, incident.at_hand)

    def end(self, incident: str) -> None:
        """A person has cancelled it."""
        self.cancelled.add(incident)

    def end_all(self) -> None:
        """End every play, and every one that begins, until `allow`."""
        self.stopping.set()

    def allow(self) -> None:
        """Plays may run again."""
        self.stopping.clear()

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These are this runner's until then."""
        self.kept |= {incident: until for incident in incidents if incident in self.kept}

    def _told(self, result: Mapping[str, object], stream: str, incident: Incident, plan: Plan) -> PlayEnded:
        """What a play came to, and of a preview what it has shown."""
        path = self.journal.directory / f"{stream}.jsonl"
        story = read_story(path)
        ended = replace(_ended(result, story, plan), evidence=tuple(story.evidence))
        if not incident.previews or ended.outcome is not PlayOutcome.OK:
            return ended
        previewed = read_changes(path)
        return replace(ended, sentence=f"in check mode it {previewed.sentence}", previewed=previewed)

    def _wait(self, play: PlayProcess, incident: str, deadline: float) -> None:
        """Until the play process is gone; it tells its result before it goes. One that hangs is killed.

        As long as the incident is ours the play process hears so again and again; it ends its play when it hears nothing.
        """
        told = False
        while play.process.poll() is None:
            if time.monotonic() > deadline:
                play.process.kill()
            lost = time.monotonic() > self.kept.get(incident, 0)
            if (lost or self.stopping.is_set() or incident in self.cancelled) and not told:
                play.say("stop")
                told = True
            elif not told:
                play.say(ALIVE)
            with suppress(subprocess.TimeoutExpired):
                play.process.wait(LOOK_EVERY_SECONDS)
        play.dismiss()

    def _lay_down(self, play: PlayProcess, incident: Incident, plan: Plan, stream: str, token: str) -> None:
        run = play.run
        private = run.root / "private"
        for path in (private, private / "env", private / "project"):
            path.mkdir(mode=0o700)
        run.write(private / "env" / "extravars", inert_json(_variables(incident, plan)))
        run.write(run.root / "limit", "".join(f"{host}\n" for host in plan.hosts))
        run.write(run.root / "wrapped", token)
        story = {"journal": str(self.journal.directory), "stream": stream, "incident": incident.id}
        attempt = {
            "attempt": str(incident.attempt.number),
            "plan_digest": incident.course.plan.digest if incident.course.plan else "",
            "accessor": incident.attempt.accessor,
            **({"preview": True} if incident.previews else {}),
        }
        run.write_json(run.story, {**story, **attempt})
        order = {"playbook": PLAYBOOK, "inventory": str(self.inventory), "deadline_seconds": plan.time_box_seconds}
        run.write_json(
            run.root / "order.json", {**order, "check_mode": plan.check_mode, "show_differences": incident.previews}
        )


def _variables(incident: Incident, plan: Plan) -> dict[str, object]:
    drill = f"drill {incident.course.drill}, " if incident.course.drill else ""
    which = "preview" if incident.previews else f"attempt {incident.attempt.number}"
    reason = f"{incident.id}: {drill}{incident.course.trigger}, {which}"
    return {
        **plan.parameters,
        "remediate_role": plan.remediation,
        "remediate_access": plan.access,
        "remediate_reason": reason,
        "remediate_time_box": f"{plan.time_box_seconds}s",
        "remediate_user": plan.user,
        **({"remediate_serial": batches} if (batches := plan.batches) else {}),
    }


def _ended(result: Mapping[str, object], story: PlayStory, plan: Plan) -> PlayEnded:
    """What a play came to: its own code, and that every host of the plan was really worked on."""
    match result.get("outcome"), result.get("code"):
        case "timed-out", _:
            why = f"the play was ended after its time box of {plan.time_box_seconds} s"
            return PlayEnded(PlayOutcome.TIMED_OUT, _with_untouched(why, plan, story))
        case "stopped", _:
            return PlayEnded(PlayOutcome.STOPPED, "the play was ended because the runner stopped")
        case "ended", 0:
            missed = [host for host in plan.hosts if not story.hosts.get(host, {}).get("ok")]
            if missed:
                return PlayEnded(PlayOutcome.FAILED, f"the play did nothing on {', '.join(missed)}")
            return PlayEnded(PlayOutcome.OK, "the remediation ran and its own check passed")
        case "ended", code if code == UNRECORDABLE:
            return PlayEnded(PlayOutcome.FAILED, "the play could not be recorded, so it was not gone on with")
        case "ended", int(code) if 0 < code < NOBODY_SAW:
            why = story.failure or f"ansible-playbook ended with {code}"
            return PlayEnded(PlayOutcome.FAILED, _with_untouched(why, plan, story))
    return PlayEnded(PlayOutcome.UNKNOWN, "the play was killed; nobody saw its end")


def _with_untouched(why: str, plan: Plan, story: PlayStory) -> str:
    """The sentence, and which hosts were spared because another one, whose turn was before theirs, failed."""
    others = [host for host in plan.hosts if host not in story.reached]
    if plan.rollout is Rollout.TOGETHER or not others:
        return why
    went = "went first" if plan.rollout is Rollout.CANARY else "came before"
    before = ", ".join(host for host in plan.hosts if host not in others) or plan.hosts[0]
    spared = f"{', '.join(others)} {'was' if len(others) == 1 else 'were'} not touched, since {before} {went}"
    return f"{why.removesuffix('.')}; {spared}"
