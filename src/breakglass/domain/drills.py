# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills: a rehearsal of one trigger on one host, the whole way of a real alert, and what was measured on that way. Pure.

A drill's incident is marked by its id, which stands in every stream, record, message, grant and certificate of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from breakglass.domain.course import Course
from breakglass.domain.incident import PlayOutcome
from breakglass.domain.routing import Planned, Refused, Unmatched
from breakglass.domain.rules import Ladder, Limits, Mode, Rung

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from breakglass.domain.rules import Drill, Policy, Trigger

MARK = "INC-DRILL-"
"""What the id of a drill's incident begins with."""
MANY = 1_000_000
DEFAULT_NAME = "BreakglassDrill"


class Phase(StrEnum):
    """One part of the way, by the word of what is reached at its end."""

    RECEIVED = "received"
    MATCHED = "matched"
    APPROVED = "approved"
    GRANTED = "granted"
    STARTED = "started"
    REPAIRED = "repaired"
    REVOKED = "revoked"
    VERIFIED = "verified"
    TOLD = "told"


class Recorded(Protocol):
    """A record of the journal."""

    @property
    def at(self) -> datetime:
        """When it was written down."""
        ...

    @property
    def kind(self) -> str:
        """What has happened."""
        ...

    @property
    def body(self) -> Mapping[str, object]:
        """Its fields."""
        ...


@dataclass(frozen=True)
class Passage:
    """What became of one phase.

    Attributes:
        phase: Which.
        seconds: Since the phase before it; None when it was not reached.
        sentence: What came of it.
        failed: Whether it would not have worked for a real alert either.
    """

    phase: Phase
    seconds: float | None
    sentence: str
    failed: bool = False


@dataclass(frozen=True)
class Measured:
    """A drill, as far as it has got; one passage for each phase, in order."""

    passages: tuple[Passage, ...]

    @property
    def failures(self) -> tuple[Passage, ...]:
        """The phases that failed."""
        return tuple(passage for passage in self.passages if passage.failed)

    @property
    def complete(self) -> bool:
        """Whether every phase was reached, and none failed."""
        return all(passage.seconds is not None and not passage.failed for passage in self.passages)

    @property
    def seconds(self) -> float:
        """From the first to the last phase that was reached."""
        return round(sum(passage.seconds or 0.0 for passage in self.passages), 3)


def drill_labels(drill: Drill, trigger: Trigger, host: str) -> dict[str, str]:
    """The labels of the synthetic alert: what the trigger wants, the drill's own, and the host."""
    wanted = {label: values[0] for label, values in trigger.match.items() if values[0]}
    return {"alertname": DEFAULT_NAME, **wanted, **drill.labels, drill.host_label: host}


def hosts_of(drill: Drill, inventory: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The hosts of its groups, by name."""
    return tuple(sorted(host for host, groups in inventory.items() if not groups.isdisjoint(drill.hosts)))


def drill_course(
    drill: Drill,
    trigger: Trigger,
    answer: Unmatched | Refused | Planned,
    policy: Policy,
    hosts: Sequence[str],
) -> Course:
    """What is done about the synthetic alert: what would be done about a real one, once, and never on another host.

    The trigger's memory (cooldown, repairs a day, hosts at once) neither stops a drill nor knows of it.
    """
    plan, refusal = None, ""
    match answer:
        case Unmatched():
            refusal = "the synthetic alert meets no trigger"
        case _ if answer.trigger.name != drill.trigger:
            refusal = f"the synthetic alert meets the trigger {answer.trigger.name} before {drill.trigger}"
        case Refused(reason=reason, sentence=sentence):
            refusal = f"{reason.value}: {sentence}"
        case Planned(plan=planned) if set(planned.hosts) <= set(hosts):
            plan = replace(planned, check_mode=drill.check)
        case Planned(plan=planned):
            others = ", ".join(sorted(set(planned.hosts) - set(hosts)))
            refusal = f"the plan names {others}, which no group of the drill has"
    limits = trigger.limits
    return Course(
        trigger=drill.trigger,
        owner=trigger.owner,
        policy_digest=policy.digest,
        policy_commit=policy.commit,
        policy_author=policy.author,
        mode=Mode.ACT,
        approval=trigger.approval,
        approval_line=trigger.line,
        plan=plan,
        refusal=refusal,
        limits=Limits(limits.firing_for, attempts=1, cooldown=timedelta(), repairs_per_day=MANY, hosts_at_once=MANY),
        idempotent=False,
        alert_resolves_within=trigger.alert_resolves_within,
        ladder=everybody(policy.ladders[trigger.escalation]),
        drill=drill.name,
        quorum=policy.approvals.get(trigger.approval),
        opens=policy.access[trigger.access].words,
        runbook=trigger.runbook,
    )


def missed_course(drill: Drill, trigger: Trigger, policy: Policy, why: str) -> Course:
    """A scheduled drill that nobody ran: nothing is done, and people are told."""
    return replace(drill_course(drill, trigger, Unmatched(), policy, ()), refusal=why)


def everybody(ladder: Ladder) -> Ladder:
    """A ladder of one rung with every channel: a drill finds out whether each of them would take a message tonight."""
    channels = dict.fromkeys(channel for rung in ladder.rungs for channel in rung.notify)
    return Ladder(ladder.name, (Rung(tuple(channels), None),))


def measure(records: Iterable[Recorded]) -> Measured:
    """Measure each phase by the records of a drill's incident, in the order of time."""
    found = sorted(records, key=lambda record: record.at)
    passages: list[Passage] = []
    before: datetime | None = None
    broken = False
    for phase, (reached_by, failed_by) in _WAY.items():
        reached = next((one for one in found if one.kind in reached_by and _reaches(phase, one)), None)
        failures = [one for one in found if one.kind in failed_by and _fails(one)]
        if reached is None and (failures or broken):
            why = _why(failures[-1]) if failures and not broken else "not reached"
            passages.append(Passage(phase, None, why, failed=bool(failures) and not broken))
            broken = True
        elif reached is None:
            passages.append(Passage(phase, None, "not reached yet"))
        else:
            seconds = 0.0 if before is None else max(0.0, (reached.at - before).total_seconds())
            passages.append(Passage(phase, round(seconds, 3), *_verdict(phase, reached, failures)))
            before = reached.at if before is None else max(before, reached.at)
    return Measured(tuple(passages))


# Which records say that a phase is reached, and which that it failed.
_WAY: dict[Phase, tuple[frozenset[str], frozenset[str]]] = {
    Phase.RECEIVED: (frozenset({"alert.firing"}), frozenset()),
    Phase.MATCHED: (frozenset({"limits.passed"}), frozenset({"alert.refused", "limits.refused"})),
    Phase.APPROVED: (frozenset({"approval.given"}), frozenset()),
    Phase.GRANTED: (frozenset({"grant.minted", "grant.left_to_job"}), frozenset({"grant.not_minted"})),
    Phase.STARTED: (frozenset({"run.started"}), frozenset({"play.ended"})),
    Phase.REPAIRED: (frozenset({"play.ended"}), frozenset({"play.ended"})),
    Phase.REVOKED: (frozenset({"grant.revoked"}), frozenset({"grant.not_proven_gone"})),
    Phase.VERIFIED: (frozenset({"verified"}), frozenset()),
    Phase.TOLD: (frozenset({"escalation.delivered"}), frozenset({"escalation.not_delivered", "escalation.delivered"})),
}
_SENTENCES = {
    Phase.RECEIVED: "the synthetic alert was taken in",
    Phase.MATCHED: "its trigger was met, the limits allow it, its host was claimed",
    Phase.APPROVED: "the plan was approved",
    Phase.GRANTED: "the grant was minted",
    Phase.STARTED: "the play ran under the grant",
    Phase.REVOKED: "the grant is gone, proven",
    Phase.VERIFIED: "the synthetic alert resolved",
    Phase.TOLD: "every channel took the message",
}


def _reaches(phase: Phase, record: Recorded) -> bool:
    return phase is not Phase.REPAIRED or record.body.get("outcome") == PlayOutcome.OK


def _fails(record: Recorded) -> bool:
    if record.kind == "play.ended":
        return record.body.get("outcome") != PlayOutcome.OK
    return record.kind != "escalation.delivered" or bool(record.body.get("failed"))


def _verdict(phase: Phase, reached: Recorded, failures: Sequence[Recorded]) -> tuple[str, bool]:
    """The sentence of a phase that was reached; a channel that took no message stays a failure, whoever else took it."""
    if phase is Phase.TOLD and failures:
        return _why(failures[0]), True
    sentence = _SENTENCES.get(phase) or _text(reached.body.get("why"))
    if failures and phase in (Phase.GRANTED, Phase.REVOKED):
        sentence = f"{sentence}, but not at the first try: {_why(failures[-1])}"
    return sentence, False


def _why(record: Recorded) -> str:
    failed = record.body.get("failed")
    if record.kind == "escalation.delivered" and isinstance(failed, list):
        return "; ".join(_text(one) for one in failed)
    return _text(record.body.get("why")) or "no reason was recorded"


def _text(value: object) -> str:
    """A field of a record: a text, or the beginning of a long one."""
    return str(value.get("text", "")) if isinstance(value, Mapping) else str(value or "")
