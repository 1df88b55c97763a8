# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI 3.1 document, made of the operations as they are declared; nothing is described a second time.

Source: https://spec.openapis.org/oas/v3.1.1. Schemas are JSON Schema 2020-12, as pydantic gives them.
"""

from __future__ import annotations

import inspect
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from breakglass import __version__
from breakglass.web.once import HEADER, KEY, MEANING, REPLAYED
from breakglass.web.once import REFUSALS as BY_KEYS
from breakglass.web.operations import JSON, PERSON, TEXT, Refusal, operations_of
from breakglass.web.problems import PROBLEM, ProblemDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import BaseModel

    from breakglass.web.operations import Done, Operation

REF: Final = "#/components/schemas/{model}"
PARAMETER = re.compile(r"\{(\w+)\}")
ABOUT: Final = """\
What programs can do with a runner. People who call show an identity token of Vault (`identity/oidc/token/breakglass`) as bearer
token; it is checked anew for each call. Errors are problem details (RFC 9457) whose `detail` is a sentence that says what to do.
A person's session on a host is a WebSocket at `/api/v1/requests/{request}/sessions/{host}`, which this document can't describe:
see the guides."""
GROUPS: Final = {
    "requests": "Asking for an access, and giving it back.",
    "approvals": "What waits for people, and their yes or no.",
    "reviews": "Overrides, judged afterwards.",
    "incidents": "What happened, how it stands, and what people say to it.",
    "grants": "What is open, and the panic button.",
    "holds": "What nothing new may start on.",
    "me": "Who the caller is.",
    "webhooks": "What senders of alerts call.",
    "certificates": "What hosts fetch.",
    "health": "What monitoring asks.",
    "about": "The API itself.",
}
SCHEMES: Final = {
    "identityToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": PERSON.words},
    "sender": {
        "type": "http",
        "scheme": "bearer",
        "description": "Or what else the settings of the source ask for: basic authentication, a signature, a certificate.",
    },
}
RETRY_AFTER: Final = {
    "Retry-After": {"description": "After how many seconds to try again.", "schema": {"type": "integer"}}
}
REPEATED: Final = {
    REPLAYED: {"description": "true where the answer was given before.", "schema": {"type": "string", "const": "true"}}
}
HEADERS: Final = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {"description": "How to say who you are.", "schema": {"type": "string"}}
    },
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
}
BY_ANY: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The runner, its database or Vault can't do it now.")
BY_PERSONS: Final = (
    Refusal(HTTPStatus.BAD_REQUEST, "What was said can't be read, or is not what is expected here; why."),
    Refusal(HTTPStatus.UNAUTHORIZED, "It is not clear who calls."),
    Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "The caller calls too often, or calls without a valid token come too often from their address.",
    ),
    BY_ANY,
)
BY_BODIES: Final = (
    Refusal(HTTPStatus.BAD_REQUEST, "The body can't be read; why."),
    Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."),
    BY_ANY,
)


def document(pages: Iterable[type]) -> dict[str, object]:
    """The document of all operations of these classes."""
    operations = [(operation, method) for one in pages for operation, method in operations_of(one)]
    schemas, refs = _schemas([model for operation, _ in operations for model in _models(operation)])
    paths: dict[str, dict[str, object]] = {}
    for operation, method in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, method, refs)
    used = {operation.group for operation, _ in operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "breakglass",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "/", "description": "The runner."}],
        "tags": [{"name": name, "description": text} for name, text in GROUPS.items() if name in used],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SCHEMES},
    }


def refusals_of(operation: Operation) -> Iterator[Refusal]:
    """All refusals of an operation: its own, and those that follow from how it is declared."""
    yield from operation.refusals
    if operation.who.scheme == PERSON.scheme:
        yield from BY_PERSONS
    if operation.has_body:
        yield from BY_BODIES
    if operation.is_repeatable:
        yield from BY_KEYS


def _models(operation: Operation) -> Iterator[type[BaseModel]]:
    yield ProblemDetails
    yield operation.query
    yield from [model for model in (operation.body, operation.done.content) if model is not None]


def _schemas(models: list[type[BaseModel]]) -> tuple[dict[str, Any], dict[type[BaseModel], dict[str, Any]]]:
    """The schemas by name, and for each model how it is referred to."""
    unique = list(dict.fromkeys(models))
    refs, whole = models_json_schema([(model, "validation") for model in unique], ref_template=REF)
    return whole.get("$defs", {}), {model: refs[model, "validation"] for model in unique}


def _described(
    operation: Operation, method: Callable[..., Any], refs: dict[type[BaseModel], dict[str, Any]]
) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{inspect.getdoc(method)}\n\nWho may: {operation.who.words}",
        "tags": [operation.group],
        "security": [{operation.who.scheme: []}] if operation.who.scheme else [],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_key(operation)],
    }
    if operation.has_body:
        content = refs[operation.body] if operation.body else {"type": "object"}
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": content}}}
    return described | {"responses": _answers(operation, refs)}


def _path_parameters(operation: Operation) -> list[dict[str, object]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, object]]:
    schema = operation.query.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": content.pop("description", ""),
            "schema": content,
        }
        for name, content in schema.get("properties", {}).items()
    ]


def _key(operation: Operation) -> list[dict[str, object]]:
    if not operation.is_repeatable:
        return []
    schema = {"type": "string", "pattern": f"^{KEY}$", "minLength": 16, "maxLength": 128}
    return [{"name": HEADER, "in": "header", "required": False, "description": MEANING, "schema": schema}]


def _answers(operation: Operation, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, object]:
    done = _done(operation.done, refs) | ({"headers": REPEATED} if operation.is_repeatable else {})
    answers: dict[str, object] = {str(int(operation.done.status)): done}
    when: dict[HTTPStatus, list[str]] = {}
    for refusal in refusals_of(operation):
        sentences = when.setdefault(refusal.status, [])
        if refusal.when not in sentences:
            sentences.append(refusal.when)
    for status in sorted(when):
        content = {PROBLEM: {"schema": refs[ProblemDetails]}}
        headers = {"headers": HEADERS[status]} if status in HEADERS else {}
        answers[str(int(status))] = {"description": " ".join(when[status]), **headers, "content": content}
    return answers


def _done(done: Done, refs: dict[type[BaseModel], dict[str, Any]]) -> dict[str, object]:
    if done.is_empty:
        return {"description": done.when}
    schema = refs[done.content] if done.content else {"type": "string"} if done.media == TEXT else {}
    return {"description": done.when, "content": {done.media: {"schema": schema}}}
