# SPDX-License-Identifier: GPL-3.0-or-later
"""What a typed `people:` can still get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .problems import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.people import People


@dataclass(frozen=True)
class PeopleChecker:
    """Finds problems of the roles of one policy."""

    people: People
    place: Callable[[tuple[int | str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        if both := sorted(self.people.operators & self.people.auditors):
            sentence = "both operators and auditors, but an auditor changes nothing. Take it out of one of the two."
            yield Problem.at(self.place(("people", "auditors")), f"people: {', '.join(both)}: {sentence}")
