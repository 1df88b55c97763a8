# SPDX-License-Identifier: GPL-3.0-or-later
"""From fields and queries to what somebody says, and from pydantic's errors to sentences."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails
    from starlette.requests import Request

    from breakglass.web.operations import Said

SaidT = TypeVar("SaidT", bound="Said")
MOST_SENTENCES = 5
LONGEST_NAME = 80
SENTENCES = {
    "missing": "is missing",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "string_pattern_mismatch": "is not written as it should be",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "list_type": "must be a list",
    "too_short": "holds too few",
    "too_long": "holds too many",
    "dict_type": "must be an object",
    "extra_forbidden": "is not known here",
}


def said(model: type[SaidT], fields: Mapping[str, object], what: str) -> SaidT:
    """What the fields of a body say; `what` begins the sentence of a refusal. Raises Problem."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _unfit(model, error, what) from None


def read_query(model: type[SaidT], request: Request) -> SaidT:
    """What a query says; each parameter once. Raises Problem."""
    pairs = request.query_params.multi_items()
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(HTTPStatus.BAD_REQUEST, "The query names a parameter twice; send each once.")
    try:
        return model.model_validate_strings(fields)
    except ValidationError as error:
        raise _unfit(model, error, "The query") from None


def _unfit(model: type[Said], error: ValidationError, what: str) -> Problem:
    found = error.errors(include_url=False, include_input=False)[:MOST_SENTENCES]
    return Problem(HTTPStatus.BAD_REQUEST, f"{what}: " + " ".join(_sentence(model, one) for one in found))


def _sentence(model: type[Said], detail: ErrorDetails) -> str:
    path = ".".join(str(step)[:LONGEST_NAME] for step in detail["loc"])
    field = model.model_fields.get(str(detail["loc"][0])) if detail["loc"] else None
    hint = f" {field.description}" if field is not None and field.description else ""
    why = SENTENCES.get(detail["type"], detail["msg"][:1].lower() + detail["msg"][1:])
    return f"{path if path.isprintable() else repr(path)} {why}.{hint}"
