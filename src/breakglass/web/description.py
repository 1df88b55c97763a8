# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/openapi.json`: the API described; for everybody, since it is the file of the docs and says nothing of an installation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from breakglass.web.operations import ANYBODY, Call, Done, Operation, Said, operation

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA = "application/vnd.oai.openapi+json;version=3.1"


@dataclass(frozen=True)
class DescriptionPage:
    """The page.

    Attributes:
        text: The document.
    """

    text: str

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Self:
        """That of a document."""
        return cls(json.dumps(document, ensure_ascii=False))

    @operation(
        Operation(
            "GET",
            "/api/v1/openapi.json",
            "showApi",
            "This document",
            Done(HTTPStatus.OK, "OpenAPI 3.1.", media=MEDIA),
            who=ANYBODY,
            group="about",
        )
    )
    async def show(self, _call: Call[Said]) -> str:
        """The same for every installation of a version."""
        return self.text
