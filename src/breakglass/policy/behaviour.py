# SPDX-License-Identifier: GPL-3.0-or-later
"""How a remediation behaves: said by its own `meta/remediation.yml`, or by the policy for roles of others."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.checking import (
    UndeclaredKind,
    declared_kinds,
)
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from breakglass.domain.plan import Rollout

from .scalars import Duration, Flag, Strict, choice, sentence

OURS = "breakglass.remediation."
_FULL_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*){2}", re.ASCII)


class Behaviour(Strict):
    """How a role behaves; one of which nobody says anything is taken to be as dangerous as it could be.

    Attributes:
        idempotent: A second run after an unknown outcome does no harm.
        disruptive: Users may notice the repair.
        expected_duration: How long it takes as a rule.
        check_mode: What check mode can tell.
        holds_host: The host stays held after the repair (it was isolated, for example): no other trigger starts there.
        releases_host: It ends what such a repair has begun: it may run on a host that one holds, and ends the hold.
        rollout: In which order the hosts of a plan have their turn: one first (`canary`), one after the other, or all at once.
        parameters: The kind of thing that each parameter names, by its name; see `_parameters/kinds.py`.
    """

    idempotent: Flag = False
    disruptive: Flag = True
    expected_duration: Duration | None = None
    check_mode: Annotated[Literal["full", "partial", "none"], BeforeValidator(choice(("full", "partial", "none")))] = (
        Field(default="none")
    )
    holds_host: Flag = False
    releases_host: Flag = False
    rollout: Annotated[Literal["canary", "one-by-one", "together"], BeforeValidator(choice(tuple(Rollout)))] = Field(
        default="canary"
    )
    parameters: dict[str, str] = Field(default_factory=dict)


class OwnBehaviour(Behaviour):
    """What a role says in its `meta/remediation.yml`.

    Attributes:
        example: One usable set of parameters, for its README.
        does_not: What it does not do, a sentence each, for its README.
    """

    example: dict[str, object] = Field(default_factory=dict)
    does_not: tuple[str, ...] = ()


def _full_name(value: object) -> object:
    if not (isinstance(value, str) and _FULL_NAME.fullmatch(value)):
        raise sentence("Name a role of another collection: namespace.collection.role.")
    if value.startswith(OURS):
        raise sentence(f"{value} says itself how it behaves, and nobody else may.")
    return value


class StatedBehaviour(Behaviour):
    """One entry of `remediations:`; it stands in the place of all that the role says itself."""

    @model_validator(mode="after")
    def _makes_sense(self) -> StatedBehaviour:
        if self.holds_host and self.releases_host:
            raise sentence("It can't both hold its host and release it: leave one of the two out.")
        try:
            declared_kinds({"parameters": self.parameters})
        except UndeclaredKind as error:
            raise sentence(str(error).replace("In meta/remediation.yml, ", "")) from None
        return self


FullName = Annotated[
    str, BeforeValidator(_full_name), WithJsonSchema({"type": "string", "pattern": f"^{_FULL_NAME.pattern}$"})
]
