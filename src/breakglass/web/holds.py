# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/holds`: the holds that stand, setting one, and lifting."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from breakglass.domain.holds import Scope
from breakglass.holding import Target, UnusableHold, hold_shown
from breakglass.store.database import milliseconds
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operating import NOT_FOR_YOU, Reason, operating_of
from breakglass.web.operations import Call, Done, Operation, Refusal, Said, Shown, operation
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from breakglass.domain.holds import Hold
    from breakglass.operating import Operating
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

PATH = "/api/v1/holds"
NO_SUCH_TARGET = Refusal(HTTPStatus.BAD_REQUEST, "The names do not go with the scope.")
Name = Annotated[str, Field(min_length=1, max_length=300)]


class HoldSaid(Said):
    """What is held or lifted, and why."""

    scope: Scope = Field(strict=False, description="all, or of which kind the names are: host or trigger.")
    names: list[Name] = Field(
        [], max_length=1000, description="Of hosts, triggers or requests; none for the scope all."
    )
    reason: Reason


class HoldShown(Shown):
    """A hold: nothing new starts within its scope until it is lifted."""

    scope: Scope = Field(description="What it stops.")
    name: str = Field(description="Of the host or trigger; empty for everything.")
    by: str = Field(description="Who set it: a person, or an incident.")
    set_by: Literal["incident", "person"] = Field(description="Which of the two.")
    since: str = Field(description="When it was set (ISO 8601, UTC).")
    reason: str = Field(description="Why.")
    lift: str = Field(description="The command that lifts it.")
    line: str = Field(description="All of it for people.")


class HoldsShown(Shown):
    """Holds that were set or lifted."""

    items: list[HoldShown] = Field(description="Each of them.")


@dataclass(frozen=True)
class HoldPages:
    """The API.

    Attributes:
        operating: The holds.
    """

    operating: Operating

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(operating_of(runner))

    @operation(
        Operation(
            "GET",
            PATH,
            "listHolds",
            "What nothing new may start on",
            Done(HTTPStatus.OK, "The oldest first.", Page[HoldShown]),
            group="holds",
            query=Paging,
            refusals=(NOT_FOR_YOU,),
        )
    )
    def list(self, call: Call[Paging]) -> Page[HoldShown]:
        """Operators and auditors read them. One that was set in Vault by hand is not among them."""
        found, following = part(call.said, self.operating.holds(call.person), _oldest_first)
        return Page(items=[_shown(one) for one in found], next=following)

    @operation(
        Operation(
            "POST",
            PATH,
            "setHold",
            "Hold hosts, triggers, or everything",
            Done(HTTPStatus.CREATED, "They are in force.", HoldsShown),
            group="holds",
            body=HoldSaid,
            refusals=(
                NOT_FOR_YOU,
                NO_SUCH_TARGET,
                Refusal(HTTPStatus.CONFLICT, "Nobody knows such a name, so it would stop nothing.", (UnusableHold,)),
            ),
        )
    )
    def set(self, call: Call[HoldSaid]) -> HoldsShown:
        """Operators do. What runs goes on to its end; an alert that a hold stops is told to people."""
        made = self.operating.hold(call.person, _target(call.said), call.said.reason)
        return HoldsShown(items=[_shown(one) for one in made])

    @operation(
        Operation(
            "POST",
            f"{PATH}/lift",
            "liftHolds",
            "Lift every hold on something",
            Done(HTTPStatus.OK, "Those that were lifted, whoever had set them.", HoldsShown),
            group="holds",
            body=HoldSaid,
            refusals=(
                NOT_FOR_YOU,
                NO_SUCH_TARGET,
                Refusal(HTTPStatus.CONFLICT, "No hold is set on it.", (UnusableHold,)),
            ),
        )
    )
    def lift(self, call: Call[HoldSaid]) -> HoldsShown:
        """Operators do. The scope all means the hold on everything; those on hosts and triggers stay."""
        lifted = self.operating.lift(call.person, _target(call.said), call.said.reason)
        return HoldsShown(items=[_shown(one) for one in lifted])


def _oldest_first(hold: Hold) -> tuple[int | str, ...]:
    return milliseconds(hold.since), hold.scope.value, hold.name, hold.by, hold.reason


def _shown(hold: Hold) -> HoldShown:
    return HoldShown.model_validate(hold_shown(hold))


def _target(said: HoldSaid) -> Target:
    if (said.scope is Scope.ALL) is bool(said.names):
        raise Problem(HTTPStatus.BAD_REQUEST, "names are those of hosts or triggers; for the scope all there are none.")
    return Target(said.scope, tuple(dict.fromkeys(said.names)) or ("",))
