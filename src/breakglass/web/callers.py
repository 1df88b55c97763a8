# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: an identity token of Vault as bearer token, checked anew for each call."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from breakglass.identity import UnknownPerson
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from breakglass.domain.requests import Person
    from breakglass.identity import Identity


@dataclass(frozen=True)
class Callers:
    """Tells who calls."""

    identity: Identity

    async def person(self, call: HTTPConnection) -> Person:
        """The person; raises Problem."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(HTTPStatus.UNAUTHORIZED, "Send an identity token of Vault as bearer token.")
        try:
            return await run_in_threadpool(self.identity.person, token.strip())
        except UnknownPerson as error:
            raise Problem(HTTPStatus.UNAUTHORIZED, str(error)) from error
