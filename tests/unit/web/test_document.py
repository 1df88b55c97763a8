# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document: valid, published as it is, and telling of exactly what is served."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.unit.web.http_site import HttpSite, write
from tools.openapi_document import REFERENCE, text

from breakglass.web.api import PAGES, api_document
from breakglass.web.document import PROBLEM, refusals_of
from breakglass.web.listing import Paging
from breakglass.web.operations import PERSON, operations_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.web.operations import Operation

OPERATIONS = [operation for pages in PAGES for operation, _ in operations_of(pages)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSite]:
    """A runner whose Vault is not there."""
    directory: Path = tmp_path_factory.mktemp("document")
    made = HttpSite(write(directory), directory)
    yield made
    made.close()


def test_it_is_valid() -> None:
    """By the specification's own schema, and by what that can't say."""
    OpenAPIV31SpecValidator(cast("Any", api_document())).validate()


def test_the_published_document_is_the_generated_one() -> None:
    """`make openapi` writes it."""
    assert REFERENCE.read_text(encoding="utf-8") == text()


def test_every_list_is_read_page_by_page() -> None:
    """Whatever it lists: a program reads all of them alike."""
    lists = [
        one for one in OPERATIONS if one.done.content and {"items", "next"} <= one.done.content.model_fields.keys()
    ]
    assert {one.path for one in lists} == {
        f"/api/v1/{name}" for name in ("approvals", "grants", "holds", "incidents", "offers", "requests", "reviews")
    }
    assert [one.path for one in lists if not issubclass(one.query, Paging)] == []


def test_everybody_can_read_it(site: HttpSite) -> None:
    """Without a token: it is the same as in the docs."""
    answer = site.get("/api/v1/openapi.json")
    assert (answer.status, json.loads(answer.body)) == (200, api_document())
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.1"


def test_no_name_is_given_twice() -> None:
    """Neither to operations, nor the same method and path."""
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_is_described_is_served(site: HttpSite, operation: Operation) -> None:
    """And asks for a token where the document says that it does."""
    path = operation.path.replace("{source}", "nobody")
    answer = site.post({}, token="", path=path) if operation.method == "POST" else site.call(operation.method, path)
    described = cast("Any", api_document())["paths"][operation.path][operation.method.lower()]
    assert str(answer.status) in described["responses"], answer.body
    assert (answer.status == HTTPStatus.UNAUTHORIZED) == (operation.who is PERSON)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_refusal_is_described_as_problem_details(operation: Operation) -> None:
    """With a sentence that says when."""
    described = cast("Any", api_document())["paths"][operation.path][operation.method.lower()]["responses"]
    for refusal in refusals_of(operation):
        answer = described[str(int(refusal.status))]
        assert list(answer["content"]) == [PROBLEM]
        assert refusal.when in answer["description"]
