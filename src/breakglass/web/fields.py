# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of a call of the API: one JSON object with known fields, read as strictly as what senders send."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from breakglass.sources.message import UnreadableMessage
from breakglass.sources.strict_json import read_object, whole
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Collection


def read_fields(body: bytes, known: Collection[str], what: str) -> dict[str, object]:
    """The fields of a body; `what` begins the sentence of a refusal. Raises Problem."""
    try:
        fields = read_object(body)
        _check_texts(fields, "The body")
    except UnreadableMessage as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{what} is one JSON object. {error}") from None
    if set(fields) - set(known):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{what} is one JSON object with the fields {', '.join(sorted(known))}.")
    return fields


def _check_texts(value: object, where: str) -> None:
    """Refuse half characters and NUL, which not everything further down can write; a body is not nested deeply by now."""
    if isinstance(value, str):
        if "\0" in whole(value, where):
            raise UnreadableMessage(f"{where} holds the character NUL.")
    elif isinstance(value, dict):
        for name, content in value.items():
            _check_texts(name, where)
            _check_texts(content, where)
    elif isinstance(value, list):
        for content in value:
            _check_texts(content, where)
