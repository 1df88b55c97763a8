# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody who asks has asked for before, as those who approve see it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS: Final = 30
NOT_REVIEWED: Final = ""
"""The verdict of an override that nobody has judged yet."""


@dataclass(frozen=True)
class Past:
    """The requests of the last thirty days, without the one that is asked for now.

    Attributes:
        requests: How many there were, whatever became of them.
        justified: Overrides among them that others have judged so.
        unjustified: The same.
        unclear: The same.
        not_reviewed: Overrides that nobody has judged yet.
    """

    requests: int = 0
    justified: int = 0
    unjustified: int = 0
    unclear: int = 0
    not_reviewed: int = 0

    @property
    def sentence(self) -> str:
        """In words: `2 requests, 2 reviewed as justified`."""
        if not self.requests:
            return "no other request"
        reviewed = {"justified": self.justified, "unjustified": self.unjustified, "unclear": self.unclear}
        said = [f"{count} reviewed as {verdict}" for verdict, count in reviewed.items() if count]
        if self.not_reviewed:
            said.append(f"{self.not_reviewed} without approval, not reviewed yet")
        return ", ".join([f"{self.requests} request{'s' if self.requests > 1 else ''}", *said])


def past_of(verdicts: Iterable[str | None]) -> Past:
    """Count them: for each request the verdict on its override, empty while there is none, None where it was no override."""
    found = Counter(verdicts)
    return Past(
        requests=found.total(),
        justified=found["justified"],
        unjustified=found["unjustified"],
        unclear=found["unclear"],
        not_reviewed=found[NOT_REVIEWED],
    )
