# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/requests`: asking for an access, fetching the grant, giving it back; each call with an identity token of Vault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from breakglass.domain.requests import RefusedRequest, Wish
from breakglass.requests import NoSuchRequest
from breakglass.store.database import DatabaseUnavailable
from breakglass.web.fields import read_fields
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from breakglass.requests import Requests, Standing
    from breakglass.web.callers import Callers

LARGEST_BODY = 65_536
LONGEST_TEXT = 1000
MOST_HOSTS = 1000
FIELDS = frozenset({"access", "hosts", "reason", "ticket", "time_box_seconds", "hand_out", "override"})


@dataclass(frozen=True)
class RequestPages:
    """The API.

    Attributes:
        callers: Says who calls.
        requests: Where requests go.
    """

    callers: Callers
    requests: Requests

    async def make(self, call: Request) -> Response:
        """202 with the request's id; it is durable then."""
        person = await self.callers.person(call)
        wish = _wish(await read_fields(call, LARGEST_BODY, FIELDS, "A request"))
        try:
            made = await run_in_threadpool(self.requests.make, person, wish)
        except RefusedRequest as error:
            raise Problem(HTTPStatus.FORBIDDEN, str(error)) from error
        except DatabaseUnavailable as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Nothing was taken in. {error}") from error
        return JSONResponse({"request": made}, status_code=HTTPStatus.ACCEPTED)

    async def show(self, call: Request) -> Response:
        """How it stands; with the wrapped grant, once, when it is open."""
        person = await self.callers.person(call)
        try:
            standing = await run_in_threadpool(self.requests.standing, person, call.path_params["request"])
        except NoSuchRequest as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        return JSONResponse(_shown(standing), headers={"Cache-Control": "no-store"})

    async def give_back(self, call: Request) -> Response:
        """204; the grant is closed and proven gone after that."""
        person = await self.callers.person(call)
        try:
            await run_in_threadpool(self.requests.give_back, person, call.path_params["request"])
        except NoSuchRequest as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _shown(standing: Standing) -> dict[str, object]:
    shown: dict[str, object] = {"state": standing.state.value, "why": standing.why}
    if standing.loan is not None:
        loan = standing.loan
        shown["grant"] = {"wrapped": loan.token, "accessor": loan.accessor, "meta": loan.meta}
    return shown


def _wish(fields: Mapping[str, Any]) -> Wish:
    hosts, seconds = fields.get("hosts"), fields.get("time_box_seconds")
    if not isinstance(hosts, list) or not 0 < len(hosts) <= MOST_HOSTS:
        raise Problem(HTTPStatus.BAD_REQUEST, "hosts must be a list of inventory names, at least one.")
    if type(seconds) is not int or not 0 < seconds <= timedelta(days=7).total_seconds():
        raise Problem(HTTPStatus.BAD_REQUEST, "time_box_seconds must be a whole number of seconds, at least one.")
    texts = [fields.get(name, "") for name in ("access", "reason", "ticket")]
    if not all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in [*texts, *hosts]):
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"access, reason, ticket and hosts are texts of at most {LONGEST_TEXT} characters."
        )
    access, reason, ticket = texts
    flags = {name: fields.get(name, False) for name in ("hand_out", "override")}
    if not all(type(flag) is bool for flag in flags.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "hand_out and override are true or false.")
    return Wish(access, tuple(hosts), reason, ticket, timedelta(seconds=seconds), **flags)
