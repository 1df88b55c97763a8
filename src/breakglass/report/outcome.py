# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of one incident, as far as who owns a trigger asks: folded from the records of its runner."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.domain.routing import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from breakglass.timeline import Event

Fault = tuple[str, str]
"""Source and fingerprint of an alert."""
FIRING_FOR = "firing_for"
"""What each alert waits for at first; it says nothing about a trigger."""
OTHER = "other reasons"
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^in maintenance window "), "maintenance"),
    (re.compile(r"the alert must fire for"), FIRING_FOR),
    (re.compile(r"\bcooldown of\b"), "cooldown"),
    (re.compile(r"repairs_per_day"), "repairs_per_day"),
    (re.compile(r"hosts_at_once"), "hosts_at_once"),
    (re.compile(r"group_share"), "group_share"),
    (re.compile(r"\(storm: "), "storm"),
    (re.compile(r"\bis held by\b"), "a hold"),
    (re.compile(r"\bis under repair\b"), "a host under repair"),
    (re.compile(r"places for plays"), "places for plays"),
    (re.compile(r"the drill on .* is being ended|is in another drill"), "a drill"),
    (re.compile(r"grant|[Vv]ault"), "Vault"),
)


@dataclass
class Outcome:
    """One incident.

    Attributes:
        name: Its id.
        began: Its first record.
        trigger: Whose it is.
        mode: Observe or act.
        kind: `alert`, or `request`, `drill`, or `own` for what belongs to no trigger of alerts.
        firing: When each of its alerts began to fire, and its name.
        over: When each was heard to be over.
        waited: For what, in a word each.
        refused: Why, in a word; empty when it was not.
        would: Whether it would have been repaired, if the trigger might act.
        tries: Plays that ended.
        called_at: When people were first called.
        acknowledged_at: When the first of them said so.
        closed_by: Who closed it; empty when nobody had to.
        verdict: What they said it was; empty when they did not.
        closed_at: When it was over.
        result: As it was closed; empty while it is open.
    """

    name: str
    began: datetime
    trigger: str = ""
    mode: str = ""
    kind: str = "alert"
    firing: dict[Fault, tuple[str, datetime]] = field(default_factory=dict)
    over: dict[Fault, datetime] = field(default_factory=dict)
    waited: set[str] = field(default_factory=set)
    refused: str = ""
    would: bool = False
    tries: int = 0
    called_at: datetime | None = None
    acknowledged_at: datetime | None = None
    closed_by: str = ""
    verdict: str = ""
    closed_at: datetime | None = None
    result: str = ""

    @property
    def fires_since(self) -> datetime:
        """When the first of its alerts began, by its sender's clock, but not later than the incident."""
        return min([self.began, *(since for _, since in self.firing.values())])


def outcome_of(name: str, events: Iterable[Event]) -> Outcome | None:
    """Fold the records of an incident, by time; None when there are none."""
    outcome = None
    for event in events:
        outcome = outcome or Outcome(name, event.at)
        if take := _TAKERS.get(event.kind):
            take(outcome, event)
    return outcome


def word_of(why: str) -> str:
    """A limit's sentence in a word of the policy."""
    reason = why.partition(":")[0]
    if reason in {one.value for one in Reason}:
        return reason
    return next((word for pattern, word in _WORDS if pattern.search(why)), OTHER)


def fault_of(event: Event) -> Fault:
    """Which alert a record is about."""
    return plain(event.body.get("source")), plain(event.body.get("fingerprint"))


def _opened(outcome: Outcome, event: Event) -> None:
    outcome.trigger, outcome.mode = plain(event.body.get("trigger")), plain(event.body.get("mode"))
    if event.body.get("own") is True:
        outcome.kind = "own"
    elif event.body.get("drill"):
        outcome.kind = "drill"


def _request(outcome: Outcome, _event: Event) -> None:
    outcome.kind = "request"


def _firing(outcome: Outcome, event: Event) -> None:
    since = _moment(plain(event.body.get("starts_at"))) or event.at
    outcome.firing.setdefault(fault_of(event), (plain(event.body.get("name")), since))
    outcome.over.pop(fault_of(event), None)


def _resolved(outcome: Outcome, event: Event) -> None:
    outcome.over[fault_of(event)] = event.at


def _waiting(outcome: Outcome, event: Event) -> None:
    outcome.waited.add(word_of(plain(event.body.get("why"))))


def _refused(outcome: Outcome, event: Event) -> None:
    outcome.refused = word_of(plain(event.body.get("why")))


def _observed(outcome: Outcome, event: Event) -> None:
    if why := plain(event.body.get("would_not_have_run")):
        outcome.refused = word_of(why)
    else:
        outcome.would = True


def _play_ended(outcome: Outcome, _event: Event) -> None:
    outcome.tries += 1


def _called(outcome: Outcome, event: Event) -> None:
    outcome.called_at = outcome.called_at or event.at


def _ordered(outcome: Outcome, event: Event) -> None:
    word = plain(event.body.get("word"))
    if word == "acknowledge":
        outcome.acknowledged_at = outcome.acknowledged_at or event.at
    elif word == "close":
        outcome.closed_by, outcome.verdict = plain(event.body.get("by")), plain(event.body.get("verdict"))


def _closed(outcome: Outcome, event: Event) -> None:
    outcome.result, outcome.closed_at = plain(event.body.get("result")), event.at


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


_TAKERS: dict[str, Callable[[Outcome, Event], None]] = {
    "incident.opened": _opened,
    "request.made": _request,
    "alert.firing": _firing,
    "alert.resolved": _resolved,
    "limits.waiting": _waiting,
    "limits.refused": _refused,
    "alert.refused": _refused,
    "observed": _observed,
    "play.ended": _play_ended,
    "escalation.begun": _called,
    "order.given": _ordered,
    "incident.closed": _closed,
}
