# SPDX-License-Identifier: GPL-3.0-or-later
"""A case: what the records of one incident or run say of it, in the shape that a report needs. Texts are still as they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Flaw(StrEnum):
    """What an auditor looks at first."""

    NOT_PROVEN_GONE = "not proven gone"
    OUTCOME_UNKNOWN = "outcome unknown"
    REFUSED = "refused"
    OVERRIDE = "override"
    UNREADABLE = "unreadable records"


@dataclass(frozen=True)
class Approval:
    """Somebody's yes, or the policy's."""

    at: datetime
    by: str
    policy_line: str
    digest: str


@dataclass(frozen=True)
class Review:
    """What somebody else said afterwards to a grant that was opened without an approval.

    Attributes:
        stream: Where it stands in the journal: that of a day, for the incident's own are sealed by then.
    """

    at: datetime
    by: str
    verdict: str
    note: str
    stream: str


@dataclass
class Grant:
    """One time-boxed permission.

    Attributes:
        accessor: Vault's handle on it; empty while it is not known.
        opened_at: When it was minted or opened.
        expires_at: When it dies by itself (RFC 3339).
        proven_at: When it was proven gone; None while it is not.
        remains: What outlived it, a sentence.
        why: Why it is not proven gone.
    """

    accessor: str
    opened_at: datetime
    expires_at: str
    access: str = ""
    proven_at: datetime | None = None
    remains: str = ""
    why: str = ""


@dataclass(frozen=True)
class CredentialLife:
    """One credential and its end.

    Attributes:
        what: What it is, in words.
        kind: ssh, database, …
        asked_at: When it was asked for.
        end: What became of it and until when it lived, a sentence.
        lives_until: When it is over by itself (RFC 3339, UTC), if it was not ended before or nobody knows; else empty.
    """

    what: str
    kind: str
    asked_at: datetime
    end: str
    lives_until: str = ""


@dataclass
class Tasks:
    """What was done on hosts.

    Attributes:
        counts: Results by status.
        changes: Host and name of each task that changed something.
        failures: Host, name and reason of each that failed.
        unknown: Host and name of each that has no result.
    """

    counts: dict[str, int] = field(default_factory=dict)
    changes: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Case:
    """One incident or run.

    Attributes:
        name: `INC-…` or `RUN-…`.
        began: Its first record.
        ended: Its last record.
        facts: Who, what, why: heading to text; empty texts are not known.
        trigger: Of the policy, or the playbook of a run without a runner.
        access: What the grants could open.
        result: In a word.
        story: The lines of its timeline.
        people: Whom it was told to, and whom not.
        streams: Relative path to number of records.
    """

    name: str
    began: datetime
    ended: datetime
    facts: dict[str, str] = field(default_factory=dict)
    trigger: str = ""
    access: str = ""
    hosts: tuple[str, ...] = ()
    result: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    approvals: list[Approval] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    credentials: list[CredentialLife] = field(default_factory=list)
    tasks: Tasks = field(default_factory=Tasks)
    plays: list[tuple[datetime, str, str]] = field(default_factory=list)
    people: list[tuple[datetime, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    story: list[tuple[str, str, str]] = field(default_factory=list)
    streams: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """From the first record to the last."""
        return (self.ended - self.began).total_seconds()

    @property
    def flaws(self) -> tuple[Flaw, ...]:
        """What is exceptional about it."""
        found = {
            Flaw.NOT_PROVEN_GONE: any(grant.proven_at is None for grant in self.grants),
            Flaw.OUTCOME_UNKNOWN: bool(self.unknown),
            Flaw.REFUSED: bool(self.refusals),
            Flaw.OVERRIDE: bool(self.overrides),
            Flaw.UNREADABLE: bool(self.unreadable),
        }
        return tuple(flaw for flaw, holds in found.items() if holds)

    def why_of(self, flaw: Flaw) -> str:
        """Say more on one of its flaws."""
        if flaw is Flaw.NOT_PROVEN_GONE:
            return "; ".join(grant.why or f"grant {grant.accessor}" for grant in self.grants if not grant.proven_at)
        said = {
            Flaw.OUTCOME_UNKNOWN: self.unknown,
            Flaw.REFUSED: self.refusals,
            Flaw.OVERRIDE: self.overrides,
            Flaw.UNREADABLE: self.unreadable,
        }
        return "; ".join(said[flaw])
