# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import make_alert

from breakglass.domain.senders import Refusal
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.inbox import Arrival
from breakglass.store.senders import Heard, Senders

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.incidents import Incidents
    from breakglass.store.journal_queue import JournalQueue

UNMATCHED = Arrival(make_alert(), None, "INC-A")


@pytest.fixture
def senders(database: Database) -> Senders:
    return Senders(database)


def kinds(queue: JournalQueue) -> list[str]:
    return [queued.kind for queued in queue.waiting()]


def test_who_was_never_heard(senders: Senders) -> None:
    """Nothing is known of anybody."""
    assert senders.all()[0] == []


def test_a_message_that_is_taken_in(senders: Senders, incidents: Incidents, queue: JournalQueue) -> None:
    """It is written down in the same transaction that its sender was heard, also when no alert is in it."""
    incidents.accept([UNMATCHED], Heard("am", 0))
    incidents.accept([], Heard("empty", 0))
    (first, second), now = senders.all()
    assert (first.source, second.source) == ("am", "empty")
    assert first.heard_at is not None
    assert second.heard_at is not None
    assert first.heard_at <= second.heard_at <= now
    assert (first.refused_at, first.refusal, first.truncated_at, first.left_out) == (None, "", None, 0)
    assert kinds(queue) == ["alert.unmatched"]


def test_what_is_not_taken_in_was_not_heard(database: Database, senders: Senders, incidents: Incidents) -> None:
    """All or nothing."""
    with database.transaction() as connection:
        connection.execute(sa.text("DROP TABLE incident_order"))
        connection.execute(sa.text("ALTER TABLE inbox RENAME TO outbox_of_another_version"))
    with pytest.raises(DatabaseUnavailable):
        incidents.accept([UNMATCHED], Heard("am", 3))
    assert senders.all()[0] == []


def test_refusals_are_counted_and_journalled(senders: Senders, queue: JournalQueue) -> None:
    """Each with its status and reason, for its source alone."""
    for refusal in (Refusal.UNPROVEN, Refusal.UNPROVEN, Refusal.REJECTED, Refusal.CUT_OFF):
        senders.refused("am", 400, f"it is {refusal.value}", refusal)
    senders.refused("other", 401, "no token", Refusal.UNPROVEN)
    am, other = senders.all()[0]
    assert (am.unproven_times, other.unproven_times) == (2, 1)
    assert am.unproven_since is not None
    assert am.unproven_at is not None
    assert am.rejected_at is not None
    assert am.unproven_since <= am.unproven_at <= am.rejected_at
    assert (am.refusal, am.heard_at, other.rejected_at) == ("it is cut off", None, None)
    assert kinds(queue) == ["sender.refused"] * 5
    assert queue.waiting()[0].body == {"source": "am", "status": 400, "why": "it is unproven"}


def test_alerts_that_were_left_out(senders: Senders, incidents: Incidents, queue: JournalQueue) -> None:
    """Their number is kept and journalled; what is known besides stays."""
    senders.refused("am", 413, "too large", Refusal.REJECTED)
    incidents.accept([], Heard("am", 2**53 - 1))
    (am,) = senders.all()[0]
    assert (am.left_out, am.truncated_at) == (2**53 - 1, am.heard_at)
    assert (am.refusal, am.rejected_at is None) == ("too large", False)
    assert queue.waiting()[-1].body == {"source": "am", "alerts_left_out": 2**53 - 1}
    incidents.accept([], Heard("am", 0))
    assert senders.all()[0][0].truncated_at == am.truncated_at
