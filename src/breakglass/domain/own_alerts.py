# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runner notices about itself, as an alert of its own: an incident without a plan, so that people are told. Pure.

The ordinary engine does the rest: it escalates, delivers, takes acknowledgements, journals and closes. Such an incident
meets no trigger, has no host and no grant, so that no limit, no hold and no Vault stands in its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from breakglass.domain.alert import OWN, Alert, AlertStatus
from breakglass.domain.course import Course
from breakglass.domain.rules import Ladder, Limits, Mode, Rung

if TYPE_CHECKING:
    from collections.abc import Iterable

    from breakglass.domain.rules import Policy

EVERYBODY = "every channel"
"""The name of the ladder where the policy's defaults have none."""
_SEPARATOR = "/"
_NO_LIMITS = Limits(firing_for=timedelta(), attempts=1, cooldown=timedelta(), repairs_per_day=1, hosts_at_once=1)


class OwnName(StrEnum):
    """Every alert of our own, spelled as alert rules are; docs/reference/own-alerts.md says what to do about each."""

    SENDER_REFUSED = "SenderRefused"
    MESSAGES_REFUSED = "MessagesRefused"
    SENDER_TRUNCATES = "SenderTruncates"
    DIGEST_NOT_DELIVERED = "DigestNotDelivered"
    POLICY_REFUSED = "PolicyRefused"
    OVERRIDE_USED = "OverrideUsed"
    REVIEW_OVERDUE = "ReviewOverdue"
    DATABASE_OLDER_THAN_JOURNAL = "DatabaseOlderThanJournal"


@dataclass(frozen=True)
class OwnAlert:
    """Something about the runner itself that people must know.

    Attributes:
        name: Which kind of trouble.
        about: What has it, as the name of a source; empty for the runner as a whole. Name and this are its identity.
        sentence: What is wrong and what to do.
    """

    name: OwnName
    about: str
    sentence: str

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint_of(self.name, self.about)


def fingerprint_of(name: OwnName, about: str) -> str:
    """The identity of the alert of this name about this."""
    return f"{name.value}{_SEPARATOR}{about}"


def about_of(fingerprint: str) -> str:
    """What the alert with this identity is about; may be empty."""
    return fingerprint.partition(_SEPARATOR)[2]


def alert_of(own: OwnAlert, status: AlertStatus, at: datetime) -> Alert:
    """The alert as any sender might have sent it."""
    labels = {"alertname": own.name.value, **({"about": own.about} if own.about else {})}
    return Alert(OWN, own.fingerprint, "", status, labels, {"summary": own.sentence} if own.sentence else {}, at)


def course_of(own: OwnAlert, policy: Policy, channels: Iterable[str], ladder: Ladder | None = None) -> Course:
    """What is done about it: nothing but telling people, whatever mode the policy has; `ladder` where others than usual are told."""
    return Course(
        trigger=own.name.value,
        owner="",
        policy_digest=policy.digest,
        mode=Mode.ACT,
        approval="",
        approval_line="",
        plan=None,
        refusal=own.sentence,
        limits=_NO_LIMITS,
        idempotent=False,
        alert_resolves_within=timedelta(),
        ladder=ladder or ladder_of(policy, channels),
        policy_commit=policy.commit,
        policy_author=policy.author,
        own=True,
    )


def ladder_of(policy: Policy, channels: Iterable[str]) -> Ladder:
    """Whom the runner tells of itself: the ladder of the policy's defaults, else every channel of the settings at once."""
    if policy.escalation:
        return policy.ladders[policy.escalation]
    return Ladder(EVERYBODY, (Rung(tuple(channels), None),))
