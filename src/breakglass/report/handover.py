# SPDX-License-Identifier: GPL-3.0-or-later
"""What the next person on call must know, as text and for programs. Pure.

Every section is there, also when it has nothing: who takes over sees that it was looked for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.news import PASSED, cut, drill_line, ended_line, moment_words, open_line, span_words
from breakglass.ordering import incident_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from breakglass.domain.holds import Hold
    from breakglass.domain.incident import Incident
    from breakglass.store.drills import DrillRun

MOST_LINES = 50
LINE_LIMIT = 400


@dataclass(frozen=True)
class Alive:
    """Something that was opened and is not over.

    Attributes:
        story: The incident or run.
        what: What it is.
        until: When it is over by itself (RFC 3339, UTC); empty when nobody knows.
    """

    story: str
    what: str
    until: str


@dataclass(frozen=True)
class Handover:
    """What is handed over.

    Attributes:
        at: When.
        since: From when on it tells of what is over.
        open: Incidents that are not over, oldest first.
        ended: Incidents that are, in the order in which they ended.
        unread: How many more there are.
        holds: That stand.
        drills: That ended.
        alive: Grants, certificates and leases that live on.
    """

    at: datetime
    since: datetime
    open: Sequence[Incident]
    ended: Sequence[Incident]
    unread: int
    holds: Sequence[Hold]
    drills: Sequence[DrillRun]
    alive: Sequence[Alive]


def handover_lines(handover: Handover) -> Iterator[str]:
    """The handover for people; every line is safe to look at."""
    span = span_words((handover.at - handover.since).total_seconds())
    yield f"HANDOVER  {moment_words(handover.at)}, of the last {span}"
    waiting = [one for one in handover.open if one.escalation and not one.escalation.acknowledged_by]
    rest = [one for one in handover.open if one not in waiting]
    yield from _section("OPEN, nobody has acknowledged", [open_line(one) for one in waiting])
    yield from _section("OPEN", [open_line(one) for one in rest])
    yield from _section("HOLDS that stand", [str(hold) for hold in handover.holds])
    badly = [run for run in handover.drills if run.result != PASSED]
    well = len(handover.drills) - len(badly)
    more = f"{well} passed" if well else ""
    yield from _section("DRILLS not passed", [drill_line(run) for run in badly], more)
    alive = [f"{one.story}  {one.what}{f', until {one.until}' if one.until else ''}" for one in handover.alive]
    yield from _section("STILL ALIVE: grants, certificates, leases", alive)
    results = Counter(one.result.value for one in handover.ended if one.result)
    counted = ", ".join(f"{number} {result}" for result, number in results.most_common())
    lines = [
        f"{one.since:%H:%M}  {one.result.value if one.result else '':<18}  {ended_line(one)}" for one in handover.ended
    ]
    yield from _section("ENDED", lines[::-1], counted + (f", {handover.unread} not listed" if handover.unread else ""))


def handover_object(handover: Handover) -> dict[str, object]:
    """The same for programs."""
    return {
        "at": handover.at.isoformat(),
        "since": handover.since.isoformat(),
        "open": [incident_object(incident) for incident in handover.open],
        "ended": [incident_object(incident) for incident in handover.ended],
        "not_listed": handover.unread,
        "holds": [
            {
                "what": hold.what,
                "by": hold.by,
                "since": hold.since.isoformat(),
                "reason": hold.reason,
                "lift": hold.lifted_by,
            }
            for hold in handover.holds
        ],
        "drills": [
            {"incident": run.incident, "drill": run.name, "host": run.host, "result": run.result}
            for run in handover.drills
        ],
        "alive": [{"incident": one.story, "what": one.what, "until": one.until or None} for one in handover.alive],
    }


def _section(heading: str, lines: Sequence[str], more: str = "") -> Iterator[str]:
    counted = str(len(lines)) if lines else "none"
    yield ""
    yield f"{heading}: {counted}{f' ({more})' if more else ''}"
    yield from (f"  {cut(line, LINE_LIMIT)}" for line in lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f"  and {len(lines) - MOST_LINES} more; --json has all of them"
