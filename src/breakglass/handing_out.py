# SPDX-License-Identifier: GPL-3.0-or-later
"""A grant that leaves the runner with who asked for it: what goes along, so that they can use it without the policy at hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from breakglass.domain.draft import Note
from breakglass.ways import Uncomputable, way_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.domain.incident import Incident
    from breakglass.domain.requests import Person
    from breakglass.effects.lend import Loan
    from breakglass.in_force import Rules


@dataclass(frozen=True)
class HandedOut:
    """A loan, and what it opens.

    Attributes:
        loan: The wrapped grant.
        opens: Access, time box, login, hosts, credentials and their stream, as JSON has it: nothing secret.
    """

    loan: Loan
    opens: dict[str, object]

    @classmethod
    def of(cls, incident: Incident, loan: Loan, rules: Rules, stream: str) -> HandedOut:
        """What the rules in force say of an incident's access; `stream` tells of it in the runner's journal."""
        plan = incident.course.plan
        access = rules.policy.access.get(plan.access) if plan else None
        return cls(
            loan,
            {
                "access": plan.access if plan else "",
                "time_box_seconds": plan.time_box_seconds if plan else 0,
                "user": plan.user if plan else "",
                "hosts": [*_ways(incident, rules)],
                "credentials": [asdict(one) for one in access.credentials] if access else [],
                "stream": stream,
            },
        )

    def to_json(self) -> dict[str, object]:
        """For who asked, once."""
        return {"wrapped": self.loan.token, "accessor": self.loan.accessor, "meta": self.loan.meta, **self.opens}


def left_the_runner(person: Person) -> Note:
    """The record of it."""
    return Note("grant.handed_out", {"by": person.name, "entity": person.entity, "recorded_session": False})


def _ways(incident: Incident, rules: Rules) -> Iterator[dict[str, object]]:
    for host in incident.course.hosts:
        try:
            way = way_to(host, rules.connections.get(host, {}))
        except Uncomputable:
            yield {"host": host}
        else:
            yield {"host": host, "address": way.address, "port": way.port} if way.is_direct else {"host": host}
