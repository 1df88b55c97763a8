# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/me`: whom the runner sees."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from pydantic import Field

from breakglass.web.operations import Call, Done, Operation, Said, Shown, operation

if TYPE_CHECKING:
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics


class PersonShown(Shown):
    """Somebody as Vault knows them now."""

    name: str = Field(description="Of the entity.")
    person: str = Field(description="Whom an admin says it belongs to; may be empty.")
    groups: list[str] = Field(description="Names of its groups.")


@dataclass(frozen=True)
class MePage:
    """The API."""

    @classmethod
    def of(cls, _runner: Runner, _metrics: Metrics) -> Self:
        """That of any runner."""
        return cls()

    @operation(
        Operation(
            "GET",
            "/api/v1/me",
            "showMe",
            "Whom the runner sees",
            Done(HTTPStatus.OK, "As Vault knows the caller now.", PersonShown),
            group="me",
        )
    )
    def show(self, call: Call[Said]) -> PersonShown:
        """Name of the entity, the person whom an admin says it belongs to, and its groups."""
        person = call.person
        return PersonShown(name=person.name, person=person.person, groups=sorted(person.groups))
