# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.support.incidents import HOUR, MINUTE, NOW, make_alert, make_course, make_plan

from breakglass.domain.approvals import Quorum, Requirement, Vote
from breakglass.domain.deciding import decide
from breakglass.domain.draft import Decision, Note
from breakglass.domain.incident import Effect, Result, State
from breakglass.domain.messages import AlertArrived, Reserved
from breakglass.domain.orders import Ordered, Word
from breakglass.domain.rules import Mode
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.documents import UnreadableDocument
from breakglass.store.inbox import Accepted, Arrival, Reached
from breakglass.store.incidents import LEASE_MILLISECONDS, Claimed, Committed, Incidents
from breakglass.store.limits import Reservations
from breakglass.store.orders import Orders, RefusedOrder
from breakglass.store.tables import HOST_CLAIM, INBOX, INCIDENT

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from breakglass.domain.alert import Alert
    from breakglass.domain.course import Course
    from breakglass.store.database import Database
    from breakglass.store.journal_queue import JournalQueue

COURSE = make_course()
STREAM = "2026/11/22/INC-A/runner"


def arrive(
    incidents: Incidents, alert: Alert | None = None, course: Course | None = COURSE, name: str = "INC-A"
) -> Accepted:
    (accepted,) = incidents.accept([Arrival(alert or make_alert(), course, name)])
    return accepted


def decided(claimed: Claimed) -> Decision:
    return decide(claimed.incident, [AlertArrived(alert) for alert in claimed.alerts], claimed.at)


def closed(claimed: Claimed) -> Decision:
    """The decision of a whole life, as short as it can be."""
    return Decision(replace(claimed.incident, state=State.CLOSED, effect=None), (Note("incident.closed", {}),), None)


def claim(incidents: Incidents, ripe: Collection[str] = ()) -> Claimed:
    claimed = incidents.claim(ripe=ripe)
    assert claimed is not None
    return claimed


def close(incidents: Incidents) -> None:
    claimed = claim(incidents)
    assert incidents.commit(claimed, closed(claimed), STREAM) is Committed.DONE


def pass_seconds(database: Database, seconds: float) -> None:
    """As if so much time had passed, for the leases."""
    with database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).values(lease_until=INCIDENT.c.lease_until - int(seconds * 1000)))


def count(database: Database, table: sa.Table) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_firing_alert_opens_an_incident(incidents: Incidents) -> None:
    """A matched alert opens an incident that can be claimed at once and holds the course and the alert."""
    assert arrive(incidents) == Accepted("INC-A", Reached.OPENED)
    claimed = claim(incidents)
    assert (claimed.incident.course, claimed.incident.state, claimed.alerts) == (
        COURSE,
        State.RECEIVED,
        (make_alert(),),
    )


def test_the_same_alert_twice(incidents: Incidents, database: Database) -> None:
    """An alert that is sent again, also after its incident closed, is a repetition and starts nothing."""
    arrive(incidents)
    assert arrive(incidents, name="INC-B") == Accepted("INC-A", Reached.REPEATED)
    close(incidents)
    assert arrive(incidents, name="INC-B") == Accepted("INC-A", Reached.REPEATED)
    assert (count(database, INCIDENT), count(database, INBOX)) == (1, 1)


def test_a_new_occurrence_opens_a_new_incident(incidents: Incidents) -> None:
    """A fault that begins anew after its incident closed opens another one."""
    arrive(incidents)
    close(incidents)
    assert arrive(incidents, make_alert(starts_at=NOW), name="INC-B") == Accepted("INC-B", Reached.OPENED)


def test_a_second_alert_of_the_group_joins(incidents: Incidents) -> None:
    """Another alert with the same trigger, group and hosts reaches the open incident, in order."""
    arrive(incidents)
    assert arrive(incidents, make_alert(fingerprint="f2"), name="INC-B") == Accepted("INC-A", Reached.JOINED)
    assert [alert.fingerprint for alert in claim(incidents).alerts] == ["f1", "f2"]


@pytest.mark.parametrize(
    ("alert", "course"),
    [
        (make_alert(group="other", fingerprint="f2"), COURSE),
        (make_alert(fingerprint="f2"), make_course(trigger="other")),
        (make_alert(fingerprint="f2"), make_course(plan=make_plan("web2"))),
        (make_alert(source="other"), COURSE),
    ],
    ids=["group", "trigger", "hosts", "source"],
)
def test_what_another_incident_is(incidents: Incidents, alert: Alert, course: Course) -> None:
    """An alert of another group, trigger, host or source opens an incident of its own."""
    arrive(incidents)
    assert arrive(incidents, alert, course, "INC-B").reached is Reached.OPENED


def test_a_group_can_not_pass_for_another(incidents: Incidents) -> None:
    """A sender's texts can't be cut so that two different alerts look like one."""
    arrive(incidents, make_alert(group="g"), make_course(plan=make_plan("a", "b")))
    forged = make_alert(group="g\x1fa", fingerprint="f2")
    assert arrive(incidents, forged, make_course(plan=make_plan("b")), "INC-B").reached is Reached.OPENED


def test_refused_alerts_of_one_group_stay_apart(incidents: Incidents) -> None:
    """Alerts that no plan could be made for share no incident, since they share no host."""
    arrive(incidents, course=make_course(refusal="unknown-host"))
    other = make_alert(fingerprint="f2")
    assert arrive(incidents, other, make_course(refusal="unknown-host"), "INC-B").reached is Reached.OPENED


def test_an_unmatched_alert_is_recorded(incidents: Incidents, queue: JournalQueue, database: Database) -> None:
    """An alert that no trigger matches is journalled in the stream of the day, and opens nothing."""
    assert arrive(incidents, course=None) == Accepted("", Reached.UNMATCHED)
    (queued,) = queue.waiting()
    assert (queued.kind, "/runner" in queued.stream, "INC" in queued.stream) == ("alert.unmatched", True, False)
    assert count(database, INCIDENT) == 0


@pytest.mark.parametrize("course", [COURSE, None])
def test_resolved_reaches_the_open_incident(incidents: Incidents, course: Course | None) -> None:
    """A resolved alert reaches the incident that holds it, also when the policy no longer has a trigger for it."""
    arrive(incidents)
    assert arrive(incidents, make_alert("resolved"), course, "INC-B") == Accepted("INC-A", Reached.JOINED)
    assert arrive(incidents, make_alert("resolved"), course, "INC-B") == Accepted("INC-A", Reached.REPEATED)


def test_resolved_reaches_every_incident_that_holds_it(incidents: Incidents) -> None:
    """A fault that two incidents hold (its sender changed the groups) resolves in both."""
    arrive(incidents)
    arrive(incidents, make_alert(group="new"), name="INC-B")
    assert arrive(incidents, make_alert("resolved", group="new"), name="INC-C").reached is Reached.JOINED
    for _ in range(2):
        assert [alert.status.value for alert in claim(incidents).alerts] == ["firing", "resolved"]


def test_resolved_without_an_incident(incidents: Incidents, queue: JournalQueue) -> None:
    """A resolved alert that nobody waits for opens nothing, and is journalled."""
    assert arrive(incidents, make_alert("resolved")) == Accepted("", Reached.UNMATCHED)
    assert [queued.kind for queued in queue.waiting()] == ["alert.unmatched"]


def test_a_message_is_taken_in_whole_or_not_at_all(
    incidents: Incidents, database: Database, queue: JournalQueue
) -> None:
    """If one alert of a message can't be stored, none of them is."""
    arrive(incidents, name="INC-TAKEN")
    good = Arrival(make_alert(fingerprint="f2", group="g2"), COURSE, "INC-B")
    unmatched = Arrival(make_alert(fingerprint="f3"), None, "INC-C")
    impossible = Arrival(make_alert(fingerprint="f4", group="g4"), COURSE, "INC-TAKEN")
    with pytest.raises(DatabaseUnavailable):
        incidents.accept([good, unmatched, impossible])
    assert (count(database, INCIDENT), count(database, INBOX), queue.waiting()) == (1, 1, [])


def test_one_incident_is_claimed_once(incidents: Incidents) -> None:
    """Of 16 threads that claim at the same moment, each incident goes to exactly one."""
    for number in range(10):
        arrive(incidents, make_alert(fingerprint=f"f{number}", group=f"g{number}"), name=f"INC-{number}")
    barrier = Barrier(16)

    def take(_: int) -> Claimed | None:
        barrier.wait()
        return incidents.claim()

    with ThreadPoolExecutor(16) as pool:
        claims = [claimed.incident.id for claimed in pool.map(take, range(16)) if claimed]
    assert sorted(claims) == sorted(set(claims))
    while (claimed := incidents.claim()) is not None:
        claims.append(claimed.incident.id)
    assert sorted(claims) == [f"INC-{number}" for number in range(10)]


def test_a_stale_claim_writes_nothing(incidents: Incidents, database: Database, queue: JournalQueue) -> None:
    """Whoever lost an incident to another owner commits nothing of it: no state, no record, no message marked done."""
    arrive(incidents)
    stale = claim(incidents)
    pass_seconds(database, LEASE_MILLISECONDS / 1000 + 1)
    fresh = claim(incidents, ripe=incidents.expired())
    assert fresh.fence > stale.fence
    for decision in (decided(stale), closed(stale)):
        assert incidents.commit(stale, decision, STREAM) is Committed.FENCED
    assert (incidents.show("INC-A"), queue.waiting()) == (fresh.incident, [])
    assert incidents.commit(fresh, decided(fresh), STREAM) is Committed.DONE


def test_a_lease_that_has_ended_commits_nothing(incidents: Incidents, database: Database) -> None:
    """An owner whose lease ran out commits nothing, even if nobody else has taken the incident yet."""
    arrive(incidents)
    claimed = claim(incidents)
    pass_seconds(database, LEASE_MILLISECONDS / 1000 + 1)
    assert incidents.commit(claimed, decided(claimed), STREAM) is Committed.FENCED


def test_a_lease_is_taken_over_when_it_is_ripe(incidents: Incidents, database: Database) -> None:
    """A lease that is over is nobody's to take before it was seen so for long enough, and one that is good never is."""
    arrive(incidents)
    claim(incidents)
    assert (incidents.expired(), incidents.claim(ripe=["INC-A"])) == ([], None)
    pass_seconds(database, LEASE_MILLISECONDS / 1000 + 1)
    assert (incidents.expired(), incidents.claim()) == (["INC-A"], None)
    assert claim(incidents, ripe=["INC-A"]).incident.id == "INC-A"


def test_only_what_is_worked_on_is_renewed(incidents: Incidents, database: Database) -> None:
    """A renewal prolongs the leases of the incidents that it names, also late; one that was taken over is not its own any more."""
    fences = {}
    for name in ("INC-A", "INC-B", "INC-C"):
        arrive(incidents, make_alert(group=name), name=name)
        fences[name] = claim(incidents).fence
    pass_seconds(database, 11)
    assert claim(incidents, ripe=["INC-B"]).incident.id == "INC-B"
    assert incidents.renew({name: fences[name] for name in ("INC-A", "INC-B")}) == ["INC-A"]
    assert incidents.expired() == ["INC-C"]
    assert incidents.renew({}) == []


def test_leases_of_a_dead_runner_are_forgotten(incidents: Incidents) -> None:
    """A runner that starts takes over at once what its predecessor held."""
    arrive(incidents)
    before = claim(incidents)
    assert incidents.claim() is None
    incidents.forget_leases()
    taken = incidents.claim()
    assert taken is not None
    assert (taken.incident, taken.alerts, taken.fence) == (before.incident, before.alerts, before.fence + 1)
    assert incidents.commit(before, decided(before), STREAM) is Committed.FENCED


def test_more_came(incidents: Incidents, queue: JournalQueue) -> None:
    """An incident does not close while its inbox holds a message that was not decided on."""
    arrive(incidents)
    claimed = claim(incidents)
    arrive(incidents, make_alert(starts_at=NOW))
    assert incidents.commit(claimed, closed(claimed), STREAM) is Committed.MORE_CAME
    assert queue.waiting() == []
    again = incidents.read_again(claimed)
    assert [alert.starts_at for alert in again.alerts] == [NOW - 2 * MINUTE, NOW]
    assert incidents.commit(again, closed(again), STREAM) is Committed.DONE


def test_a_no_that_was_taken_before_the_grant_opens_counts(
    incidents: Incidents, database: Database, queue: JournalQueue
) -> None:
    """It comes while the last yes is being decided on, and its person is told that it is taken: nothing opens."""
    quorum = Quorum("one", (Requirement(1, ("dba",)),), ("chat",), 15 * MINUTE)
    course = make_course(quorum=quorum)
    arrive(incidents, course=course)
    waiting = claim(incidents)
    asking = replace(waiting.incident, state=State.APPROVING, since=waiting.at, asked=2)
    incidents.commit(waiting, Decision(asking, (), waiting.at), STREAM)
    orders = Orders(database)
    orders.give("INC-A", vote(course, "ben", waiting.at, yes=True))
    claimed = claim(incidents)
    opening = decide(claimed.incident, claimed.orders, claimed.at)
    assert opening.incident.effect is Effect.OPEN_GRANT
    orders.give("INC-A", vote(course, "cy", waiting.at, yes=False))
    assert incidents.commit(claimed, opening, STREAM) is Committed.MORE_CAME
    assert queue.waiting() == []
    again = incidents.read_again(claimed)
    denied = decide(again.incident, again.orders, again.at)
    assert [note.kind for note in denied.notes][:2] == ["approval.given", "approval.denied"]
    assert incidents.commit(again, denied, STREAM) is Committed.DONE
    found = incidents.show("INC-A")
    assert found is not None
    assert (found.state, found.result) == (State.ESCALATED, Result.REFUSED)
    with pytest.raises(RefusedOrder, match="waits for no approval"):
        orders.give("INC-A", vote(course, "dan", waiting.at, yes=True))


def vote(course: Course, person: str, at: datetime, *, yes: bool) -> Ordered:
    assert course.plan
    said = Vote(person, f"e-{person}", person, ("dba",), course.plan.digest, yes, "because", at)
    return Ordered(Word.VOTE, person, "because", said)


def test_a_message_that_comes_meanwhile_is_looked_at_next(incidents: Incidents) -> None:
    """A decision that does not close keeps what came meanwhile undone, and is looked at again at once."""
    arrive(incidents)
    claimed = claim(incidents)
    arrive(incidents, make_alert(fingerprint="f2"))
    waiting = Decision(replace(claimed.incident, state=State.WAITING), (), claimed.at + HOUR)
    assert incidents.commit(claimed, waiting, STREAM) is Committed.DONE
    assert [alert.fingerprint for alert in claim(incidents).alerts] == ["f2"]


def test_it_is_not_claimed_before_its_time(incidents: Incidents) -> None:
    """An incident that waits is claimed when its time has come or a message does, not before."""
    arrive(incidents)
    claimed = claim(incidents)
    incidents.commit(claimed, Decision(replace(claimed.incident, state=State.WAITING), (), claimed.at + HOUR), STREAM)
    assert incidents.claim() is None
    arrive(incidents, make_alert("resolved"))
    assert claim(incidents).incident.state is State.WAITING


def test_an_effect_keeps_the_lease(incidents: Incidents) -> None:
    """While an effect goes on nobody else gets the incident, and its outcome finds what came meanwhile."""
    arrive(incidents)
    claimed = claim(incidents)
    decision = decided(claimed)
    assert decision.incident.effect is Effect.RESERVE
    incidents.commit(claimed, decision, STREAM)
    assert incidents.claim() is None
    arrive(incidents, make_alert("resolved"))
    after = incidents.after_effect(claimed, decision.incident)
    assert (after.incident, after.fence) == (decision.incident, claimed.fence)
    assert [alert.status.value for alert in after.alerts] == ["resolved"]


def test_closing_releases_the_hosts(incidents: Incidents, database: Database) -> None:
    """The hosts of an incident are free again in the same moment in which it closes."""
    arrive(incidents)
    claimed = claim(incidents)
    assert isinstance(Reservations(database, 4).reserve(claimed.incident), Reserved)
    assert count(database, HOST_CLAIM) == 1
    incidents.commit(claimed, closed(claimed), STREAM)
    assert count(database, HOST_CLAIM) == 0


def test_closed_is_closed(incidents: Incidents) -> None:
    """A closed incident is never claimed again and not counted as open."""
    arrive(incidents)
    assert incidents.count_by_state() == {"received": 1}
    close(incidents)
    assert (incidents.claim(), incidents.count_by_state()) == (None, {})


@pytest.mark.parametrize("broken", ["{", "{}", '{"id": 1}', "null", '"INC-A"'])
def test_a_broken_row_does_not_stop_the_others(incidents: Incidents, database: Database, broken: str) -> None:
    """A document that can't be read is named, and stays out of the way of the other incidents."""
    arrive(incidents)
    arrive(incidents, make_alert(group="g2"), name="INC-B")
    with database.transaction() as connection:
        connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == "INC-A").values(document=broken))
    with pytest.raises(UnreadableDocument, match="restore the backup"):
        incidents.claim()
    assert claim(incidents).incident.id == "INC-B"
    with pytest.raises(UnreadableDocument):
        incidents.show("INC-A")


def test_a_broken_message_does_not_stop_the_others(incidents: Incidents, database: Database) -> None:
    """A message that can't be read is named, and stays out of the way of the other incidents."""
    arrive(incidents)
    arrive(incidents, make_alert(group="g2"), name="INC-B")
    with database.transaction() as connection:
        connection.execute(sa.update(INBOX).where(INBOX.c.incident == "INC-A").values(body="[]"))
    with pytest.raises(UnreadableDocument):
        incidents.claim()
    assert claim(incidents).incident.id == "INC-B"


def test_observing_incidents_are_stored_like_others(incidents: Incidents) -> None:
    """An incident in observe mode is opened, found and repeated like any other."""
    course = make_course(mode=Mode.OBSERVE)
    assert arrive(incidents, course=course).reached is Reached.OPENED
    assert claim(incidents).incident.course == course
