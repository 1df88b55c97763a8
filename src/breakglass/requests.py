# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests for access: taken in like alerts, durable before anyone is told, and told to nobody but who asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass.domain.alert import REQUEST, Alert, AlertStatus
from breakglass.domain.draft import Note
from breakglass.domain.extending import asked_in_time, nothing_to_extend, wish_to_extend
from breakglass.domain.incident import State
from breakglass.domain.requests import Person, RefusedRequest, Wish, course_of
from breakglass.domain.whose import has_asked_by_this_account
from breakglass.errors import BreakglassError
from breakglass.handing_out import HandedOut, left_the_runner
from breakglass.store.inbox import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from breakglass.domain.course import Course
    from breakglass.domain.extending import Extension
    from breakglass.domain.incident import Incident
    from breakglass.effects.lend import Lend
    from breakglass.in_force import InForce
    from breakglass.store.incidents import Incidents
    from breakglass.store.journal_queue import JournalQueue
    from breakglass.store.past_requests import PastRequests


class NoSuchRequest(BreakglassError):
    """Raised when there is no request of this id, or it is somebody else's."""


@dataclass(frozen=True)
class Standing:
    """How a request stands.

    Attributes:
        incident: As it is now.
        loan: The grant, the first time that it is there.
        extended_by: The request that has taken its sessions over; empty where none has.
    """

    incident: Incident
    loan: HandedOut | None = None
    extended_by: str = ""

    @property
    def why(self) -> str:
        """What it waits for, or how it ended; may be empty."""
        return self.incident.blocked or (self.incident.result.value if self.incident.result else "")


@dataclass(frozen=True)
class Requests:
    """Takes requests in, each under the rules that are in force when it comes.

    Attributes:
        in_force: The rules.
        incidents: The store.
        queue: Where refusals are recorded.
        loans: Where grants wait to be fetched.
        hint: Called when something was taken in.
        past: What people have asked for before.
        runner: The name of this runner: who asks it fetches the grant from it, so no other one opens it.
    """

    in_force: InForce
    incidents: Incidents
    queue: JournalQueue
    loans: Lend
    hint: Callable[[], None]
    past: PastRequests
    runner: str = ""

    def make(self, person: Person, wish: Wish, made: str) -> str:
        """Take a request in under this id; its incident's id, durable on return. What is there already is not made again.

        Raises:
            RefusedRequest: The policy does not allow it; that is recorded.
            DatabaseUnavailable: Nothing was taken in.
        """
        if self._is_there(person, made):
            return made
        return self._take_in(made, person, wish, self._course(person, wish), self.runner)

    def extend(self, person: Person, incident: str, extension: Extension, made: str) -> str:
        """Take in that this person wants more time for a grant that is open: a request of its own under this id, which is returned.

        Raises:
            NoSuchRequest: There is none of this person.
            RefusedRequest: There is nothing to extend, or the policy does not allow it; the latter is recorded.
            DatabaseUnavailable: Nothing was taken in.
        """
        if self._is_there(person, made):
            return made
        found, now = self.of(person, incident), datetime.now(UTC)
        wish = wish_to_extend(found, extension, self.incidents.extensions(incident), now)
        course = asked_in_time(self._course(person, wish), found, now)
        return self._take_in(made, person, wish, course, found.attempt.runner or self.runner)

    def look(self, person: Person, incident: str) -> Standing:
        """How a request of this person stands; a grant that waits for them goes on waiting. Raises NoSuchRequest."""
        found = self.of(person, incident)
        took_over = [one.id for one in self.incidents.extensions(incident) if one.attempts and one.attempt.accessor]
        return Standing(found, None, "".join(took_over[:1]))

    def _with_past(self, course: Course) -> Course:
        """Those who are asked see it as it was when they were asked."""
        asker = course.asked_by
        if asker is None or course.quorum is None:
            return course
        return replace(course, asked_by=replace(asker, past=self.past.of(asker)))

    def standing(self, person: Person, incident: str) -> Standing:
        """The same, with the grant if it waits for them, which happens once. Raises NoSuchRequest."""
        seen = self.look(person, incident)
        ready = seen.incident.state is State.RUNNING and seen.incident.course.hands_out
        loan = self.loans.fetch(incident) if ready else None
        if loan is None:
            return seen
        try:
            self.queue.add_to_incident(seen.incident, [left_the_runner(person)])
        except BreakglassError:  # what can't be recorded nobody gets; it waits until it can
            self.loans.put_back(incident)
            raise
        stream = self.queue.stream_of(seen.incident)
        return replace(seen, loan=HandedOut.of(seen.incident, loan, self.in_force.now, stream))

    def give_back(self, person: Person, incident: str) -> None:
        """The person is done, or does not want it any more; it is closed and proven gone, and so is what extends it.

        Raises NoSuchRequest.
        """
        found = self.of(person, incident)
        for one in (found, *self._extensions(incident)):
            if one.state is not State.CLOSED or one is found:
                self.incidents.accept([Arrival(_alert(one.id, AlertStatus.RESOLVED, {}), None, one.id)])
                self.loans.give_back(one.id)
        self.hint()

    def of(self, person: Person, incident: str) -> Incident:
        """The incident of a request of this person. Raises NoSuchRequest."""
        found = self.incidents.show(incident)
        if found is None or not has_asked_by_this_account(person, found):
            raise NoSuchRequest("There is no request of this id that is yours.")
        return found

    def _extensions(self, incident: str) -> list[Incident]:
        """What extends it, and what extends that, and so on."""
        found = self.incidents.extensions(incident)
        return [*found, *(further for one in found for further in self._extensions(one.id))]

    def _course(self, person: Person, wish: Wish) -> Course:
        try:
            rules = self.in_force.now
            return self._with_past(course_of(person, wish, rules.policy, rules.hosts))
        except RefusedRequest as error:
            self.queue.add_to_day([Note("request.refused", {**_about(person, wish), "why": str(error)})])
            raise

    def _is_there(self, person: Person, made: str) -> bool:
        """Whether a request of this id was taken in already, when its call is repeated."""
        found = self.incidents.show(made)
        return found is not None and has_asked_by_this_account(person, found)

    def _take_in(self, made: str, person: Person, wish: Wish, course: Course, home: str) -> str:
        arrival = Arrival(_alert(made, AlertStatus.FIRING, _about(person, wish)), course, made, home)
        self.incidents.accept([arrival])
        self.hint()
        return made


def not_extendable(incidents: Incidents, incident: Incident) -> str:
    """Why what extends another request may not open; empty when it may, and for what stands for itself."""
    extends = incident.course.extends
    return nothing_to_extend(incidents.show(extends), extends) if extends else ""


def _about(person: Person, wish: Wish) -> dict[str, str]:
    return {
        "alertname": f"request of {person.name}",
        "person": person.name,
        "entity": person.entity,
        "access": wish.access,
        "hosts": ",".join(wish.hosts),
        "reason": wish.reason,
        "ticket": wish.ticket,
        **({"extends": wish.extends} if wish.extends else {}),
    }


def _alert(incident: str, status: AlertStatus, labels: Mapping[str, str]) -> Alert:
    """Each request is an incident of its own, and is called like it."""
    return Alert(
        source=REQUEST,
        fingerprint=incident,
        group=incident,
        status=status,
        labels=labels,
        annotations={},
        starts_at=datetime.now(UTC),
    )
