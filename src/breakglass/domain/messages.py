# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident may be told: alerts from outside, orders of people, and the outcomes of its own effects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from breakglass.domain.alert import Alert
from breakglass.domain.incident import PlayOutcome
from breakglass.domain.orders import Ordered
from breakglass.domain.previews import Previewed


@dataclass(frozen=True)
class AlertArrived:
    """An alert for this incident, firing or resolved."""

    alert: Alert


@dataclass(frozen=True)
class Interrupted:
    """The runner died while it was at the incident's effect; nobody saw the outcome."""


@dataclass(frozen=True)
class NotStarted:
    """The effect was not begun, and why. When the reason may last, waiting for it has an end."""

    why: str
    may_last: bool = False


@dataclass(frozen=True)
class Reserved:
    """The limits allow it and all hosts are claimed (in `observe` mode: would have been)."""

    checks: tuple[str, ...]


@dataclass(frozen=True)
class Blocked:
    """A limit says: not yet."""

    why: str
    again_in: timedelta


@dataclass(frozen=True)
class Held:
    """Another incident holds a host of this one, and people know: it waits until that hold ends, however long."""

    why: str


@dataclass(frozen=True)
class GaveWay:
    """Something real is at work on a host of the drill: it is left to that."""

    why: str


@dataclass(frozen=True)
class OverLimit:
    """A limit says: no, ask people."""

    why: str


@dataclass(frozen=True)
class GrantMinted:
    """A wrapped grant exists; nobody has used it yet. `runner` is who opened it; empty where there is only one."""

    accessor: str
    expires_at: datetime
    runner: str = ""


@dataclass(frozen=True)
class GrantNotMinted:
    """Vault gave no grant. `retryable` when waiting may help."""

    why: str
    retryable: bool


@dataclass(frozen=True)
class GrantLeftToJob:
    """The play will be a job of AWX, which logs in to Vault and opens the grant itself; nothing was minted here."""


@dataclass(frozen=True)
class PlayEnded:
    """The play process told its result, or AWX that of its job.

    Attributes:
        outcome: How it ended.
        sentence: The same for people.
        accessor: Of the grant that a job has opened; empty for a play here, and where nobody knows of one.
        over_by: When a grant that a job may have opened is over, at the latest; None where there can't be one.
        previewed: What a preview that came to its end has shown; None for a repair.
        evidence: Where the remediation has kept how it found its hosts, one sentence for each.
    """

    outcome: PlayOutcome
    sentence: str
    accessor: str = ""
    over_by: datetime | None = None
    previewed: Previewed | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class GrantProvenGone:
    """Token and leases are gone; `remains` says what lives on and until when, a sentence."""

    at: datetime
    remains: str


@dataclass(frozen=True)
class GrantNotProvenGone:
    """It could not be proven, and why."""

    why: str


@dataclass(frozen=True)
class Delivered:
    """At least one channel of the rung accepted the message; `failed` says which did not, and why."""

    channels: tuple[str, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotDelivered:
    """No channel of the rung accepted it."""

    why: str


@dataclass(frozen=True)
class Asked:
    """At least one channel took the question to those who may approve; `failed` says which did not, and why."""

    channels: tuple[str, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotAsked:
    """No channel took the question."""

    why: str


class Finding(StrEnum):
    """What a question to Prometheus came to."""

    GOOD = "good"
    BAD = "bad"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Probed:
    """Prometheus was asked whether the fault is gone; the sentence says what it answered, or why it did not."""

    finding: Finding
    sentence: str


Outcome = (
    Interrupted
    | NotStarted
    | Reserved
    | Blocked
    | Held
    | GaveWay
    | OverLimit
    | GrantMinted
    | GrantLeftToJob
    | GrantNotMinted
    | PlayEnded
    | GrantProvenGone
    | GrantNotProvenGone
    | Delivered
    | NotDelivered
    | Asked
    | NotAsked
    | Probed
)
Message = AlertArrived | Ordered | Outcome
