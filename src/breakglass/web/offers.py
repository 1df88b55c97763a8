# SPDX-License-Identifier: GPL-3.0-or-later
"""`GET /api/v1/offers?host=…`: what the caller may ask for there. `GET /api/v1/requests`: what they have asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from breakglass.domain.incident import Incident
    from breakglass.offers import Offers
    from breakglass.web.callers import Callers

NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class OfferPages:
    """The API.

    Attributes:
        callers: Says who calls.
        known: What is offered, and what was asked for.
    """

    callers: Callers
    known: Offers

    async def offers(self, call: Request) -> Response:
        """The accesses by which the caller may log in to a host."""
        person = await self.callers.person(call)
        host = call.query_params.get("host", "")
        if not host:
            raise Problem(HTTPStatus.BAD_REQUEST, "Name the host, an inventory name: /api/v1/offers?host=web1")
        found = await run_in_threadpool(self.known.offered, person, host)
        return JSONResponse({"items": [asdict(offer) for offer in found]}, headers=NOT_KEPT)

    async def mine(self, call: Request) -> Response:
        """The caller's requests that are not over, the newest first."""
        person = await self.callers.person(call)
        found = await run_in_threadpool(self.known.mine, person)
        return JSONResponse({"items": [_shown(one) for one in found]}, headers=NOT_KEPT)


def _shown(incident: Incident) -> dict[str, object]:
    until = incident.attempts[-1].expires_at if incident.attempts else None
    plan = incident.course.plan
    return {
        "request": incident.id,
        "state": incident.state.value,
        "why": incident.blocked,
        "access": plan.access if plan else "",
        "hosts": list(incident.course.hosts),
        "handed_out": incident.course.hands_out,
        "until": until.isoformat() if until else "",
    }
