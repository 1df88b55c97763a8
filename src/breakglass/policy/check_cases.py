# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy's tests can get wrong by themselves: names that nothing has. Running them is `domain/rehearsal.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

from .problems import Place, Problem
from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.domain.rules import Case, Policy

    from .check import Surroundings


@dataclass(frozen=True)
class CaseChecker:
    """Finds problems of the tests of one policy; the function gives the line of a key of the n-th test."""

    policy: Policy
    around: Surroundings
    place: Callable[[int, tuple[str, ...]], Place]

    def problems(self) -> Iterator[Problem]:
        """Give every problem."""
        seen: dict[str, Place] = {}
        for number, case in enumerate(self.policy.cases):
            place = self.place(number, ("name",))
            if case.name in seen:
                yield Problem.at(place, f"The test {case.name[:80]!r} is written twice, first at {seen[case.name]}.")
            seen.setdefault(case.name, place)
            yield from (Problem.at(place, f"The test {case.name[:80]!r}: {sentence}") for sentence in self._case(case))

    def _case(self, case: Case) -> Iterator[str]:
        for name, known in (("trigger", self.around.triggers), ("access", self.around.access)):
            wanted = case.expected.get(name)
            if isinstance(wanted, str) and wanted not in known:
                yield f"there is no {name} {wanted}.{did_you_mean(wanted, known)}"
        if remediation := case.expected.get("remediation"):
            try:
                self.around.remediations.find(str(remediation))
            except BreakglassError as error:
                yield str(error)
