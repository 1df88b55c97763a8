# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the sender of each source, and which of it people must hear: pure, by the database's clock.

Alertmanager drops what is not answered with a 5xx, so a sender that is refused is an alert that nobody sees. Who may be
told apart:

* Who does not prove that it is the sender (401) may be anybody. Only when it comes again and again, and nothing of the
  genuine sender comes in between, is it taken for one with a wrong token; and at most once a day.
* Who has proven it, and whose message can't be taken in (too large, unreadable), has lost alerts: told at once.
* Who leaves alerts out of its messages has them dropped itself: told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from breakglass.domain.own_alerts import OwnAlert, OwnName

UNPROVEN_TIMES = 3
UNPROVEN_FOR = timedelta(minutes=5)
"""So often, and over so long, must somebody come in vain."""
UNPROVEN_GAP = timedelta(hours=1)
"""Who stays away for longer begins anew; Alertmanager comes again every `group_interval`, 5 minutes as a rule."""
REJECTED_FOR = timedelta(minutes=30)
"""What was refused so long ago is over, if messages were taken in since."""
TRUNCATED_FOR = timedelta(hours=6)
"""The same for alerts left out; Alertmanager repeats an unchanged group after 4 hours (`repeat_interval`)."""
AT_MOST_EVERY = {
    OwnName.SENDER_REFUSED: timedelta(days=1),
    OwnName.MESSAGES_REFUSED: timedelta(hours=1),
    OwnName.SENDER_TRUNCATES: timedelta(days=1),
}
"""How often people are called again because of the same, about the same source."""


class Refusal(Enum):
    """What a refusal says of who was refused."""

    UNPROVEN = "unproven"
    """Nobody knows who it was."""
    REJECTED = "rejected"
    """The sender itself, whose message is lost."""
    CUT_OFF = "cut off"
    """A connection that ended; whoever it was hears no answer, and comes again."""


@dataclass(frozen=True)
class Sender:
    """The sender of one source.

    Attributes:
        source: Its name in the settings.
        heard_at: When a message was last taken in; None when none ever was.
        refused_at: When one was last refused.
        refusal: Why, a sentence.
        unproven_since: When the first of those came who did not prove it, since the sender was last heard.
        unproven_at: When the last of them came.
        unproven_times: How many there were.
        rejected_at: When a message of the sender itself was last refused.
        truncated_at: When it last left alerts out.
        left_out: How many.
    """

    source: str
    heard_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str = ""
    unproven_since: datetime | None = None
    unproven_at: datetime | None = None
    unproven_times: int = 0
    rejected_at: datetime | None = None
    truncated_at: datetime | None = None
    left_out: int = 0


def heard(sender: Sender, now: datetime, left_out: int) -> Sender:
    """A message was taken in."""
    known = replace(sender, heard_at=now, unproven_since=None, unproven_at=None, unproven_times=0)
    return replace(known, truncated_at=now, left_out=left_out) if left_out else known


def refused(sender: Sender, now: datetime, refusal: Refusal, why: str) -> Sender:
    """A message was refused."""
    known = replace(sender, refused_at=now, refusal=why)
    if refusal is Refusal.REJECTED:
        return replace(known, rejected_at=now)
    if refusal is Refusal.CUT_OFF:
        return known
    if known.unproven_at is None or now - known.unproven_at > UNPROVEN_GAP:
        return replace(known, unproven_since=now, unproven_at=now, unproven_times=1)
    return replace(known, unproven_at=now, unproven_times=known.unproven_times + 1)


def troubles(sender: Sender, now: datetime) -> tuple[OwnAlert, ...]:
    """What people must know of it now."""
    found = {
        OwnName.SENDER_REFUSED: _comes_in_vain(sender, now),
        OwnName.MESSAGES_REFUSED: _within(sender.rejected_at, now, REJECTED_FOR),
        OwnName.SENDER_TRUNCATES: _within(sender.truncated_at, now, TRUNCATED_FOR),
    }
    return tuple(
        OwnAlert(name, sender.source, _SENTENCES[name].format(sender=sender)) for name, holds in found.items() if holds
    )


def over(sender: Sender, now: datetime) -> tuple[OwnName, ...]:
    """What of it is over, since messages are taken in again."""
    found = {
        OwnName.SENDER_REFUSED: sender.heard_at is not None and sender.unproven_since is None,
        OwnName.MESSAGES_REFUSED: _is_past(sender, sender.rejected_at, now, REJECTED_FOR),
        OwnName.SENDER_TRUNCATES: _is_past(sender, sender.truncated_at, now, TRUNCATED_FOR),
    }
    return tuple(name for name, holds in found.items() if holds)


def _comes_in_vain(sender: Sender, now: datetime) -> bool:
    since, last = sender.unproven_since, sender.unproven_at
    if since is None or last is None:
        return False
    return sender.unproven_times >= UNPROVEN_TIMES and last - since >= UNPROVEN_FOR and now - last <= UNPROVEN_GAP


def _within(at: datetime | None, now: datetime, span: timedelta) -> bool:
    return at is not None and now - at < span


def _is_past(sender: Sender, at: datetime | None, now: datetime, span: timedelta) -> bool:
    return at is not None and now - at >= span and sender.heard_at is not None and sender.heard_at > at


_SENTENCES = {
    OwnName.SENDER_REFUSED: (
        "whoever posts to /webhooks/{sender.source} was refused {sender.unproven_times} times in a row since "
        "{sender.unproven_since:%Y-%m-%d %H:%M} UTC, and nothing else came from there. If it is your monitoring, its alerts "
        "are lost: give it the secret of sources.{sender.source} again. The last time: {sender.refusal}"
    ),
    OwnName.MESSAGES_REFUSED: (
        "a message of {sender.source}, which had proven that it is the sender, could not be taken in, and its alerts are "
        "lost: it is not sent again. {sender.refusal}"
    ),
    OwnName.SENDER_TRUNCATES: (
        "{sender.source} left {sender.left_out} alerts out of a message at {sender.truncated_at:%Y-%m-%d %H:%M} UTC, and "
        "nothing is done about them. In Alertmanager set max_alerts: 0 on the webhook; elsewhere send smaller groups."
    ),
}
