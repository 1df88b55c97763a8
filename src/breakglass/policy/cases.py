# SPDX-License-Identifier: GPL-3.0-or-later
"""`tests:`: alerts, and what the policy must make of them. They are no part of the policy's digest."""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from breakglass.domain.routing import Reason
from breakglass.domain.rules import Case

from .scalars import Flag, MaybeEmptyMapping, MaybeName, MaybeWords, Strict, Words, choice, sentence

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REASONS = tuple(reason.value for reason in Reason)
_TEXTS_SCHEMA = WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})


def label(name: str) -> str:
    """Refuse what can't be a label's name."""
    if not _LABEL.fullmatch(name):
        raise sentence(f"{name[:80]!r} is not a label name (letters, digits and _). Write the label's bare name.")
    return name


def _texts(value: object) -> object:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise sentence("Write names of labels and texts.")
    for name in value:
        label(name)
    return value


def moment_of(value: object) -> datetime:
    """Read a date and time that says how far from UTC it is (RFC 3339); any other has more than one meaning."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise sentence('Write a date, a time and the offset from UTC in quotes, as "2026-11-22T02:30:00+01:00".')
    return found


def _something(entry: ExpectEntry) -> ExpectEntry:
    if not entry.model_fields_set:
        raise sentence("This expects nothing. Name the trigger, or `unmatched: true`, or `refused:` and the reason.")
    return entry


Moment = Annotated[
    datetime | None, BeforeValidator(moment_of), WithJsonSchema({"type": "string", "format": "date-time"})
]
Texts = Annotated[dict[str, str], BeforeValidator(_texts), _TEXTS_SCHEMA]


class ExpectEntry(Strict):
    """`expect:` of a test; what is not written is not compared."""

    trigger: MaybeName = None
    hosts: Annotated[list[Words] | None, Field(description="Inventory names.")] = None
    approval: MaybeWords = None
    access: MaybeName = None
    remediation: MaybeWords = None
    parameters: dict[str, object] | None = Field(
        default=None, description="Some or all of them, as the role gets them."
    )
    mode: Annotated[Literal["observe", "act"] | None, BeforeValidator(choice(("observe", "act")))] = None
    refused: Annotated[str | None, BeforeValidator(choice(_REASONS)), WithJsonSchema({"enum": list(_REASONS)})] = None
    unmatched: Annotated[Flag, Field(description="true: no trigger takes the alert.")] = False


class CaseEntry(Strict):
    """One item of `tests:`."""

    name: Words = Field(description="Say in a sentence what must be true.")
    alert: Texts = Field(description="The alert's labels.")
    annotations: Annotated[Texts, MaybeEmptyMapping] = Field(default_factory=dict)
    now: Moment = Field(
        default=None, description="When, for maintenance windows; without it the test is outside of all of them."
    )
    expect: Annotated[ExpectEntry, AfterValidator(_something)] = Field(description="Say what must come of it.")


Cases = Annotated[list[CaseEntry], Field(description="What the policy must make of which alert.")]


def case_of(entry: CaseEntry, line: str) -> Case:
    """The test that an entry means."""
    return Case(
        name=entry.name,
        line=line,
        labels=MappingProxyType(dict(entry.alert)),
        annotations=MappingProxyType(dict(entry.annotations)),
        now=entry.now,
        expected=MappingProxyType({name: getattr(entry.expect, name) for name in entry.expect.model_fields_set}),
    )
