# SPDX-License-Identifier: GPL-3.0-or-later
"""Every answer, be it a refusal or a fault of ours: the headers that keep browsers in bounds, and none that lets other sites in."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.web.http_site import HttpSite, write

from breakglass.web.api import PAGES
from breakglass.web.description import DescriptionPage
from breakglass.web.headers import ALWAYS
from breakglass.web.operations import operations_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starlette.applications import Starlette

PATHS = sorted({operation.path for one in (*PAGES, DescriptionPage) for operation, _ in operations_of(one)})
PAGES_OF_PEOPLE = ["/sign-in", "/sign-out", "/approvals", "/approvals/INC-1", "/approvals/INC-1/acknowledge"]
EVERYWHERE = [*PATHS, *PAGES_OF_PEOPLE, "/", "/nowhere", "/api/v1/requests/INC-1/sessions/web1"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
FOREIGN = [("origin", "https://evil.example")]
PREFLIGHT = [*FOREIGN, ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSite]:
    """A runner whose Vault is not there."""
    directory: Path = tmp_path_factory.mktemp("every")
    made = HttpSite(write(directory), directory)
    yield made
    made.close()


def assert_bounded(headers: Mapping[str, str]) -> None:
    """The headers are there, and none of CORS."""
    assert {name.lower(): value for name, value in ALWAYS.items()}.items() <= headers.items()
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_other_site_is_let_in(site: HttpSite, path: str) -> None:
    """Whatever is called from there, by whichever method."""
    for method in METHODS:
        assert_bounded(site.call(method, path, FOREIGN).headers)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_a_preflight_is_refused(site: HttpSite, path: str) -> None:
    """So the browser sends nothing more."""
    answer = site.call("OPTIONS", path, PREFLIGHT)
    assert answer.status in {404, 405}
    assert_bounded(answer.headers)


@pytest.mark.parametrize("path", PATHS)
def test_what_a_path_can_do_is_named(site: HttpSite, path: str) -> None:
    """All of it, by Allow (RFC 9110, 15.5.6)."""
    can = {
        operation.method
        for one in (*PAGES, DescriptionPage)
        for operation, _ in operations_of(one)
        if operation.path == path
    }
    answer = site.call("PATCH", path)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == can


def test_a_fault_of_ours_is_a_problem_like_others(tmp_path: Path) -> None:
    """It says no more than that it is one."""
    site = HttpSite(write(tmp_path), tmp_path)
    told: list[Any] = []

    async def broken(_request: object) -> None:
        raise RuntimeError("a secret of the fault")

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: object) -> None:
        told.append(message)

    cast("Starlette", cast("Any", site.app).app).add_route("/broken", broken, methods=["GET"])  # type: ignore[arg-type]
    scope = {"type": "http", "method": "GET", "path": "/broken", "query_string": b"", "root_path": "", "headers": []}
    with pytest.raises(RuntimeError):  # the server logs it
        asyncio.run(site.app(scope, receive, send))
    site.close()
    assert told[0]["status"] == 500
    assert_bounded({name.decode().lower(): value.decode() for name, value in told[0]["headers"]})
    problem = json.loads(told[1]["body"])
    assert (problem["status"], "fault of the runner's own" in problem["detail"]) == (500, True)
    assert "secret" not in str(told)
