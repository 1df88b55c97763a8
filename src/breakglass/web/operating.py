# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operations of operators and auditors have in common: how they are made, what they ask for, how they refuse."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from breakglass.domain.holds import LONGEST_REASON
from breakglass.holding import Holding
from breakglass.operating import NotPermitted, Operating
from breakglass.runner import holdable_names
from breakglass.store.orders import NoSuchIncident, RefusedOrder
from breakglass.web.operations import Refusal, Said

if TYPE_CHECKING:
    from breakglass.runner import Runner

LARGEST_BODY: Final = 8192
NONE_THAT_YOU_SEE: Final = Refusal(
    HTTPStatus.NOT_FOUND, "There is no such incident that the caller may see.", (NoSuchIncident,)
)
NOT_FOR_YOU: Final = Refusal(
    HTTPStatus.FORBIDDEN, "The policy does not let the caller; the sentence says whom it lets.", (NotPermitted,)
)
NOT_NOW: Final = Refusal(
    HTTPStatus.CONFLICT, "It can't be done to the incident as it is now, and why; nothing was changed.", (RefusedOrder,)
)
Reason = Annotated[
    str,
    Field(
        min_length=1, max_length=LONGEST_REASON, pattern=r"\S", description="Why: a sentence that others understand."
    ),
]


class WithReason(Said):
    """Something that is done with a reason."""

    reason: Reason


def operating_of(runner: Runner) -> Operating:
    """What a runner lets people do, by the policy that is in force at each call."""
    holding = Holding(runner.database, partial(holdable_names, runner.in_force), runner.engine.hint)
    rules = runner.in_force
    return Operating(
        lambda: rules.now.policy.people, lambda: rules.now.policy.acting_groups, runner.approvals.orders, holding
    )
