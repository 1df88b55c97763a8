# SPDX-License-Identifier: GPL-3.0-or-later
"""`requests:`: what people may ask for themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from .approvals import Approval  # noqa: TC001 (pydantic reads the annotation)
from .scalars import Duration, Group, MaybeDuration, MaybeName, Name, Strict, choice


def _required(value: object) -> object:
    return choice(("required",))(value) == "required"


class OverrideEntry(Strict):
    """`override:`; who may do without the approval in an emergency. Everybody who was skipped is told at once."""

    who: Annotated[list[Group], Field(min_length=1, description="Groups of Vault's identity whose members may.")]
    review_within: Duration = Field(description="How long others have to judge it; then they are called.")


class RequestEntry(Strict):
    """One item of `requests:`."""

    name: Name = Field(description="Give the request a name of its own.")
    who: Annotated[list[Group], Field(min_length=1, description="Groups of Vault's identity whose members may ask.")]
    access: Name = Field(description="Name an entry of `access:`.")
    approval: Approval = Field(description="Say who approves; `approval: automatic` means nobody is asked.")
    time_box: MaybeDuration = Field(default=None, description="Longest life of the grant; without it, the access's.")
    ticket: Annotated[bool, BeforeValidator(_required), WithJsonSchema({"const": "required"})] = False
    escalation: MaybeName = None
    override: OverrideEntry | None = None


RequestEntries = Annotated[list[RequestEntry], Field(description="What people may ask for themselves.")]
