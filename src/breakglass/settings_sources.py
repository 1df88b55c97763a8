# SPDX-License-Identifier: GPL-3.0-or-later
"""`sources:` of the settings: who may send webhooks, of which shape, and how they prove who they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path  # noqa: TC003 (pydantic reads the annotation)
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from breakglass.policy.cases import label
from breakglass.policy.scalars import MaybeDuration, MaybeEmptyMapping, MaybeWords, Strict, Words, choice, sentence
from breakglass.settings_paths import FilePath  # noqa: TC001 (pydantic reads the annotation)
from breakglass.sources import PARSERS, FieldMap

DEFAULT_TOLERANCE = timedelta(minutes=5)
SCHEMES = ("standard_webhooks", "pagerduty", "grafana")
Label = Annotated[str, AfterValidator(label)]


class BasicSettings(Strict):
    """`basic:` of a source: a name, and the files of its passwords."""

    user: Words
    password_files: Annotated[tuple[FilePath, ...], Field(min_length=1)]


class HmacSettings(Strict):
    """`hmac:` of a source: who signs how, and the files of the secrets."""

    scheme: Annotated[
        Literal["standard_webhooks", "pagerduty", "grafana"],
        BeforeValidator(choice(SCHEMES)),
    ]
    secret_files: Annotated[tuple[FilePath, ...], Field(min_length=1)]
    tolerance: MaybeDuration = Field(default=None, description="How old a signature may be; 5m without it.")
    timestamp_header: MaybeWords = Field(default=None, description="grafana: the header that the contact point names.")

    @property
    def oldest(self) -> timedelta:
        """How old a signature may be."""
        return self.tolerance or DEFAULT_TOLERANCE


class FieldsSettings(Strict):
    """`fields:` of a source: paths to an alert's fields, as `check.name` or `targets.0.host`."""

    alerts: MaybeWords = Field(default=None, description="To the list of alerts; without it a message is one alert.")
    labels: Annotated[dict[Label, Words], Field(min_length=1)]
    annotations: Annotated[dict[Label, Words], MaybeEmptyMapping] = Field(default_factory=dict)
    status: MaybeWords = None
    resolved: Annotated[tuple[Words, ...], Field(min_length=1)] = ("resolved",)
    starts_at: Words
    fingerprint: MaybeWords = None
    group: MaybeWords = None
    url: MaybeWords = None

    def paths(self) -> FieldMap:
        """The same, as sources read it."""
        return FieldMap(
            labels=MappingProxyType(dict(self.labels)),
            starts_at=self.starts_at,
            alerts=self.alerts or "",
            annotations=MappingProxyType(dict(self.annotations)),
            status=self.status or "",
            resolved=self.resolved,
            fingerprint=self.fingerprint or "",
            group=self.group or "",
            url=self.url or "",
        )


class SourceSettings(Strict):
    """One entry of `sources:`; of several secrets the newest may be put in before the sender uses it."""

    kind: Annotated[
        str, BeforeValidator(choice(tuple(PARSERS))), WithJsonSchema({"type": "string", "enum": list(PARSERS)})
    ] = Field(description="What it sends.")
    bearer_token_files: tuple[FilePath, ...] = ()
    basic: BasicSettings | None = None
    hmac: HmacSettings | None = None
    client_certificates: tuple[Words, ...] = Field(
        default=(), description="Names in the sender's certificate (subject alternative names, or its common name)."
    )
    fields: FieldsSettings | None = Field(default=None, description="json: where an alert's fields are.")

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Every file with a secret of this source."""
        return (
            *self.bearer_token_files,
            *(self.basic.password_files if self.basic else ()),
            *(self.hmac.secret_files if self.hmac else ()),
        )

    @model_validator(mode="after")
    def _proves_itself(self) -> SourceSettings:
        if not (self.bearer_token_files or self.basic or self.hmac or self.client_certificates):
            raise sentence("Say how the sender proves itself: bearer_token_files, basic, hmac or client_certificates.")
        if self.bearer_token_files and self.basic:
            raise sentence("A sender has one Authorization header: bearer_token_files or basic, not both.")
        if self.kind == "json" and self.fields is None:
            raise sentence("A source of the kind json needs fields: where labels and starts_at are in its messages.")
        if self.fields is not None and self.kind not in ("json", "cloudevents"):
            raise sentence(f"Messages of {self.kind} have a shape of their own: leave fields out.")
        return self
