# SPDX-License-Identifier: GPL-3.0-or-later
"""The inbox of incidents: where an alert goes on its way in, and what an incident has not taken in yet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.alert import AlertStatus
from breakglass.domain.incident import Incident, State
from breakglass.store import journal_queue
from breakglass.store.database import NOW, milliseconds, moment
from breakglass.store.documents import alert_from, alert_text, incident_text
from breakglass.store.tables import INBOX, INCIDENT, REVIEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.domain.alert import Alert
    from breakglass.domain.course import Course


HEARD_WITHIN_MILLISECONDS = 3_600_000


@dataclass(frozen=True)
class Arrival:
    """An alert on its way in. Without a course no trigger matched it; it is recorded and nothing more.

    Attributes:
        alert: As the source read it.
        course: The policy's answer.
        incident: A fresh id, used if the alert opens an incident.
        home: The runner that has to work on the incident as long as it is there; empty for any.
    """

    alert: Alert
    course: Course | None
    incident: str
    home: str = ""


class Reached(Enum):
    """What became of an arrival."""

    OPENED = "opened"
    JOINED = "joined"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"


@dataclass(frozen=True)
class Accepted:
    """Where an arrival went; `incident` is empty when it reached none."""

    incident: str
    reached: Reached


def incident_key(arrival: Arrival) -> str:
    """What one open incident is about: trigger, the sender's group and the hosts.

    The hosts belong to it, so that the plan of an open incident never has to change under its digest.
    """
    course = arrival.course
    trigger, hosts = (course.trigger, course.hosts) if course else ("", ())
    parts = [arrival.alert.source, trigger, arrival.alert.group, *hosts]
    if not hosts:
        parts.append(arrival.alert.fingerprint)
    return _hash(*parts)


def take_in(connection: sa.Connection, arrival: Arrival) -> Accepted:
    """Take in one alert, in the caller's transaction; see `Incidents.accept`."""
    dedup = _dedup(connection, arrival)
    known = connection.execute(sa.select(INBOX.c.incident).where(INBOX.c.dedup == dedup)).scalars().all()
    if known and _firing(arrival.alert):
        _hear_again(connection, dedup)
        return Accepted(known[0], Reached.REPEATED)
    reached = [name for name in connection.execute(_open_incidents(arrival)).scalars() if name not in known]
    for incident in reached:
        _put(connection, incident, dedup, arrival.alert)
    if reached:
        return Accepted(reached[0], Reached.JOINED)
    if known:
        return Accepted(known[0], Reached.REPEATED)
    if arrival.course is None or not _firing(arrival.alert):
        note = journal_queue.unmatched_note(arrival.alert)
        journal_queue.add(connection, journal_queue.day_stream(connection), (note,))
        return Accepted("", Reached.UNMATCHED)
    opened = _insert_incident(connection, arrival, arrival.course)
    _put(connection, opened, dedup, arrival.alert)
    return Accepted(opened, Reached.OPENED)


def _put(connection: sa.Connection, incident: str, dedup: str, alert: Alert) -> None:
    about = {"fault": _fault(alert), "firing": _firing(alert), "dedup": dedup}
    row = {"incident": incident, **about, "body": alert_text(alert)}
    connection.execute(sa.insert(INBOX).values(**row, heard_at=NOW))
    connection.execute(sa.update(INCIDENT).where(INCIDENT.c.id == incident).values(wake_at=NOW))


def _hear_again(connection: sa.Connection, dedup: str) -> None:
    """Its sender repeats it, so it is not to be forgotten. Not more exactly than is needed: repetitions shall cost no write."""
    long_ago = INBOX.c.heard_at < NOW - HEARD_WITHIN_MILLISECONDS
    connection.execute(sa.update(INBOX).where(INBOX.c.dedup == dedup, long_ago).values(heard_at=NOW))


def _open_incidents(arrival: Arrival) -> sa.Select[str]:
    """A firing alert reaches the incident of its key; a resolved one all that hold it, whatever the policy says now."""
    opened = sa.select(INCIDENT.c.id).where(INCIDENT.c.state != State.CLOSED)
    if _firing(arrival.alert):
        return opened.where(INCIDENT.c.key == incident_key(arrival))
    holding = sa.exists().where(INBOX.c.incident == INCIDENT.c.id, INBOX.c.fault == _fault(arrival.alert))
    return opened.where(holding).order_by(INCIDENT.c.opened_at, INCIDENT.c.id)


def _insert_incident(connection: sa.Connection, arrival: Arrival, course: Course) -> str:
    at = moment(connection.execute(sa.select(NOW)).scalar_one())
    incident = Incident(id=arrival.incident, course=course, opened_at=at, since=at)
    connection.execute(
        sa.insert(INCIDENT).values(
            id=incident.id,
            key=incident_key(arrival),
            state=incident.state,
            trigger=course.trigger,
            document=incident_text(incident),
            wake_at=NOW,
            opened_at=milliseconds(at),
            home=arrival.home or None,
            extends=course.extends or None,
        )
    )
    if course.overridden is not None:
        due = milliseconds(at + course.overridden.review_within)
        connection.execute(sa.insert(REVIEW).values(incident=incident.id, due_at=due))
    return incident.id


def _firing(alert: Alert) -> bool:
    return alert.status is AlertStatus.FIRING


def fault_key(source: str, fingerprint: str) -> str:
    """What all messages about one fault have in common."""
    return _hash(source, fingerprint)


def _fault(alert: Alert) -> str:
    return fault_key(alert.source, alert.fingerprint)


def _dedup(connection: sa.Connection, arrival: Arrival) -> str:
    """The same for repetitions of a message. A fault that fires again after it resolved is news, also with the same start."""
    alert = arrival.alert
    about = incident_key(arrival) if _firing(alert) else ""
    opposite = sa.select(sa.func.max(INBOX.c.seq)).where(
        INBOX.c.fault == _fault(alert), INBOX.c.firing != _firing(alert)
    )
    since = str(connection.execute(opposite).scalar() or 0)
    return _hash(about, alert.source, alert.fingerprint, alert.status.value, alert.starts_at.isoformat(), since)


def _hash(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def undone(connection: sa.Connection, incident: str) -> tuple[list[str], int]:
    """The messages that an incident has not taken in yet, in order, and the number of the last one."""
    query = sa.select(INBOX.c.seq, INBOX.c.body).where(INBOX.c.incident == incident, INBOX.c.done == sa.false())
    rows = connection.execute(query.order_by(INBOX.c.seq)).all()
    return [row.body for row in rows], rows[-1].seq if rows else 0


def alerts_of(bodies: Sequence[str]) -> tuple[Alert, ...]:
    """The alerts of messages; raises UnreadableDocument."""
    return tuple(alert_from(body) for body in bodies)


def newer(connection: sa.Connection, incident: str, last_seq: int) -> bool:
    """Whether there are some after this number."""
    newer = sa.select(INBOX.c.seq).where(
        INBOX.c.incident == incident, INBOX.c.done == sa.false(), INBOX.c.seq > last_seq
    )
    return connection.execute(newer.limit(1)).first() is not None


def mark_done(connection: sa.Connection, incident: str, last_seq: int) -> None:
    """They are taken in, up to this number."""
    read = sa.and_(INBOX.c.incident == incident, INBOX.c.seq <= last_seq, INBOX.c.done == sa.false())
    connection.execute(sa.update(INBOX).where(read).values(done=sa.true()))
