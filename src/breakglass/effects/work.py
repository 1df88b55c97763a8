# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens under an open grant: a play here, a job of AWX, or a loan. One place that tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome


class UnderGrant(Protocol):
    """A way to use a grant."""

    def run(self, incident: Incident) -> Outcome:
        """Use it, and say what came of it."""
        ...

    def recover(self, incident: Incident) -> Outcome:
        """What became of it when its runner died."""
        ...

    def end(self, incident: str) -> None:
        """End this incident's, if there is one."""
        ...

    def end_all(self) -> None:
        """End everything, until `allow`."""
        ...

    def allow(self) -> None:
        """Go on."""
        ...

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These are this runner's until then, by the monotonic clock."""
        ...


@dataclass(frozen=True)
class Work:
    """The effect `run-play`, for incidents of every kind."""

    plays: UnderGrant
    loans: UnderGrant
    jobs: UnderGrant

    def run(self, incident: Incident) -> Outcome:
        """Run the play, here or as a job, or lend the grant."""
        return self._of(incident).run(incident)

    def recover(self, incident: Incident) -> Outcome:
        """What became of it when its runner died."""
        return self._of(incident).recover(incident)

    def end(self, incident: str) -> None:
        """End this incident's play or loan, if there is one."""
        for way in self._ways:
            way.end(incident)

    def end_all(self) -> None:
        """End every play, every job and every loan."""
        for way in self._ways:
            way.end_all()

    def allow(self) -> None:
        """Plays, jobs and loans may begin again."""
        for way in self._ways:
            way.allow()

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These incidents are this runner's until then, by the monotonic clock."""
        for way in self._ways:
            way.keep(incidents, until)

    @property
    def _ways(self) -> tuple[UnderGrant, ...]:
        return self.plays, self.jobs, self.loans

    def _of(self, incident: Incident) -> UnderGrant:
        if incident.course.lends:
            return self.loans
        return self.jobs if incident.attempt.by_job else self.plays
