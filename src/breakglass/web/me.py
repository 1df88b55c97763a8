# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/me`: whom the runner sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from breakglass.web.callers import Callers


@dataclass(frozen=True)
class MePage:
    """The API."""

    callers: Callers

    async def show(self, call: Request) -> Response:
        """Name of the entity, the person whom an admin says it belongs to, and its groups, as they are now."""
        person = await self.callers.person(call)
        body = {"name": person.name, "person": person.person, "groups": sorted(person.groups)}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})
