# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import make_alert, make_course

from breakglass.domain.draft import Decision, Draft
from breakglass.domain.holds import Scope
from breakglass.domain.incident import Attempt, Effect, State
from breakglass.domain.orders import Ordered, Word, absorb_order
from breakglass.domain.people import Account
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Claimed, Committed, Incidents
from breakglass.store.orders import NoSuchIncident, Orders, RefusedOrder
from breakglass.store.revocations import Revocations

if TYPE_CHECKING:
    from breakglass.store.database import Database
    from breakglass.store.journal_queue import JournalQueue


@pytest.fixture
def revocations(database: Database) -> Revocations:
    return Revocations(database)


def stands(incidents: Incidents, state: State, **how: object) -> Claimed:
    """An incident in this state, named after it, as the runner that works on it holds it."""
    incidents.accept([Arrival(make_alert(fingerprint=state, group=state), make_course(), state)])
    claimed = incidents.claim()
    assert claimed is not None
    assert claimed.incident.id == state
    document = replace(claimed.incident, state=state, effect=Effect.ESCALATE, **how)  # type: ignore[arg-type]
    assert incidents.commit(claimed, Decision(document, (), None), state) is Committed.DONE
    return replace(claimed, incident=document)


def told(incidents: Incidents, claimed: Claimed) -> tuple[Ordered, ...]:
    return incidents.read_again(claimed).orders


def test_everything_is_held_and_what_is_open_is_to_end(
    incidents: Incidents, revocations: Revocations, queue: JournalQueue, database: Database
) -> None:
    """Those with a grant, or about to get one, are told who wants it and why; those that wait are stopped by the hold."""
    alive = {state: stands(incidents, state) for state in State if state is not State.CLOSED}
    ending = revocations.revoke_all("stolen laptop", "ada")
    assert set(ending) == {State.OPENING, State.RUNNING, State.CLOSING}
    (hold,) = Holds(database).standing()
    assert (hold.scope, hold.reason, hold.person) == (Scope.ALL, "stolen laptop", "ada")
    assert [note.kind for note in queue.waiting()] == ["hold.set"]
    ended = {state for state, claimed in alive.items() if told(incidents, claimed)}
    assert ended == {State.OPENING, State.RUNNING}
    assert told(incidents, alive[State.RUNNING]) == (Ordered(Word.CANCEL, "ada", "stolen laptop"),)
    assert set(Orders(database).to_end(list(alive))) == ended, "their plays are ended without waiting for an effect"


def test_pressed_twice(incidents: Incidents, revocations: Revocations, database: Database) -> None:
    """A second press finds what the first one did not: also where an earlier order had come too late."""
    running = stands(incidents, State.RUNNING)
    revocations.revoke_all("first", "ada")
    taken = incidents.read_again(running)
    assert incidents.commit(taken, Decision(taken.incident, (), None), "s") is Committed.DONE
    revocations.revoke_all("second", "ada")
    assert [order.reason for order in told(incidents, taken)] == ["second"]
    assert len(Holds(database).standing()) == 2


def test_one_incident_is_revoked_alone(incidents: Incidents, revocations: Revocations, database: Database) -> None:
    """It is told to end, nothing is held, and the others go on."""
    running, opening = stands(incidents, State.RUNNING), stands(incidents, State.OPENING)
    assert revocations.revoke(State.RUNNING, "wrong host", "ada").id == State.RUNNING
    assert [order.word for order in told(incidents, running)] == [Word.CANCEL]
    assert told(incidents, opening) == ()
    assert Holds(database).standing() == []


def test_a_grant_that_is_being_closed_needs_no_order(incidents: Incidents, revocations: Revocations) -> None:
    """It can be looked at, and is not told anything."""
    closing = stands(incidents, State.CLOSING, attempts=(Attempt(1, accessor="a"),))
    assert revocations.revoke(State.CLOSING, "now", "ada").id == State.CLOSING
    assert told(incidents, closing) == ()


@pytest.mark.parametrize("state", [State.WAITING, State.APPROVING, State.VERIFYING, State.ESCALATED])
def test_where_nothing_is_open(incidents: Incidents, revocations: Revocations, state: State) -> None:
    """It is refused, with what ends such an incident instead."""
    stands(incidents, state)
    with pytest.raises(RefusedOrder, match=f"{state} has no grant .*breakglass cancel or close ends it"):
        revocations.revoke(state, "why", "ada")


def test_an_incident_that_nobody_knows(revocations: Revocations) -> None:
    """It is said, and nothing is changed."""
    with pytest.raises(NoSuchIncident, match="no incident INC-NONE00"):
        revocations.revoke("INC-NONE00", "why", "ada")


def test_nothing_is_open_at_all(revocations: Revocations, database: Database) -> None:
    """Everything is held all the same."""
    assert revocations.revoke_all("drill", "ada") == []
    assert [hold.scope for hold in Holds(database).standing()] == [Scope.ALL]


def test_by_which_account_somebody_came_reaches_the_incident_and_the_journal(
    incidents: Incidents, revocations: Revocations, queue: JournalQueue, database: Database
) -> None:
    """Of an order it is kept until the incident takes it in; of a hold it is in the record at once, also of its end."""
    running = stands(incidents, State.RUNNING)
    account = Account("5e1c", "ada-laptop")
    revocations.revoke_all("stolen laptop", "ada", account)
    assert told(incidents, running) == (Ordered(Word.CANCEL, "ada", "stolen laptop", account=account),)
    Holds(database).lift(Scope.ALL, ("",), "found again", "ben", Account("77a0", "ben"))
    was_set, lifted = queue.waiting()
    assert (was_set.body["by"], was_set.body["entity"], was_set.body["account"]) == ("ada", "5e1c", "ada-laptop")
    assert (lifted.body["by"], lifted.body["entity"], lifted.body["account"]) == ("ben", "77a0", "ben")
    draft = Draft(running.incident, running.at)
    absorb_order(draft, told(incidents, running)[0])
    assert draft.notes[0].body == {"word": "cancel", "by": "ada", "why": "stolen laptop", **account.recorded}
