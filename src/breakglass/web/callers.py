# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: an identity token of Vault as bearer token, checked anew for each call; and not more often than is good.

Who guesses tokens is held back by their address, before Vault is asked. A token that Vault's keys have signed passes also from
there: nobody can lock out who comes from the same address, such as that of a proxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from breakglass.identity import UnknownPerson
from breakglass.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from breakglass.domain.requests import Person
    from breakglass.identity import Identity
    from breakglass.web.pace import Pace

READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Callers:
    """Tells who calls.

    Attributes:
        identity: Checks tokens.
        pace: Says how often somebody may call.
    """

    identity: Identity
    pace: Pace

    async def person(self, call: HTTPConnection) -> Person:
        """The person; raises Problem."""
        address = call.client.host if call.client else ""
        try:
            entity = await run_in_threadpool(self._entity, _token(call), address)
        except UnknownPerson as error:
            self.pace.guess(address)
            raise Problem(HTTPStatus.UNAUTHORIZED, str(error)) from error
        counted = self.pace.read if call.scope.get("method") in READING else self.pace.write
        counted(entity)  # before Vault is asked for all of its groups
        try:
            return await run_in_threadpool(self.identity.now, entity)
        except UnknownPerson as error:
            raise Problem(HTTPStatus.UNAUTHORIZED, str(error)) from error

    def _entity(self, token: str, address: str) -> str:
        if self.pace.has_guessed_too_often(address) and not self.identity.may_be_one(token):
            raise UnknownPerson("The identity token was not looked at.")
        return self.identity.entity(token)


def _token(call: HTTPConnection) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_path(call: HTTPConnection) -> None:
    """Nothing is called by what can't be printed, and not every database takes it as a text."""
    if not all(str(part).isprintable() for part in call.path_params.values()):
        raise Problem(HTTPStatus.NOT_FOUND, "There is nothing of this name: it has characters that can't be printed.")
