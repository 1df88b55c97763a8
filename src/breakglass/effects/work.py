# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens under an open grant: a play, or a loan. One place that tells the two apart."""

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
    """The effect `run-play`, for incidents of both kinds."""

    plays: UnderGrant
    loans: UnderGrant

    def run(self, incident: Incident) -> Outcome:
        """Run the play, or lend the grant."""
        return self._of(incident).run(incident)

    def recover(self, incident: Incident) -> Outcome:
        """What became of it when its runner died."""
        return self._of(incident).recover(incident)

    def end(self, incident: str) -> None:
        """End this incident's play or loan, if there is one."""
        self.plays.end(incident)
        self.loans.end(incident)

    def end_all(self) -> None:
        """End every play and every loan."""
        self.plays.end_all()
        self.loans.end_all()

    def allow(self) -> None:
        """Plays and loans may begin again."""
        self.plays.allow()
        self.loans.allow()

    def keep(self, incidents: Collection[str], until: float) -> None:
        """These incidents are this runner's until then, by the monotonic clock."""
        self.plays.keep(incidents, until)
        self.loans.keep(incidents, until)

    def _of(self, incident: Incident) -> UnderGrant:
        return self.loans if incident.course.lends else self.plays
