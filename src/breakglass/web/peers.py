# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end of a connection, and what is said to them before the application is asked.

uvicorn does not hand a client certificate to the application, so this protocol puts its names into the scope; OpenSSL has
verified it. And where uvicorn would say in plain text that it can't read a request, or that there are too many at once, this
answers as everything else here does: with problem details and the headers of every answer.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from breakglass.web.headers import SecurityHeaders, headers_for
from breakglass.web.problems import PROBLEM, Problem, problem_details, problem_response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, MutableMapping

EXTENSION = "breakglass.peer_names"
MOST_AT_ONCE: Final = 256
"""Connections, and calls at work."""


class PeerProtocol(H11Protocol):
    """HTTP/1.1 whose requests know the names of the client certificate of their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Look at the certificate once, and have every request of this connection know it."""
        names = _names(transport.get_extra_info("peercert") or {})
        app = self.app

        async def with_names(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = names
            if max(len(self.connections), len(self.tasks)) > MOST_AT_ONCE:
                await SecurityHeaders(problem_response(_too_many()), tls=self._is_tls)(scope, receive, send)
            else:
                await app(scope, receive, send)

        self.app = with_names
        super().connection_made(transport)

    def send_400_response(self, msg: str) -> None:
        """Say that what came is no HTTP, and hang up."""
        problem = Problem(HTTPStatus.BAD_REQUEST, f"{msg.rstrip('.')}: it is not HTTP/1.1 as RFC 9112 has it.")
        content = json.dumps(problem_details(problem).model_dump()).encode()
        headers = {"Content-Type": PROBLEM, "Content-Length": str(len(content)), "Connection": "close"}
        told = [(name, value) for name, value in {**headers_for(tls=self._is_tls), **headers}.items()]
        for event in (
            h11.Response(status_code=problem.status, headers=told, reason=problem.status.phrase.encode()),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _is_tls(self) -> bool:
        return self.transport.get_extra_info("sslcontext") is not None


def peer_names(scope: Mapping[str, Any]) -> frozenset[str]:
    """The names of a request's client certificate; none without one."""
    names: frozenset[str] = scope.get("extensions", {}).get(EXTENSION, frozenset())
    return names


def _names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Subject alternative names; without any, the common name."""
    alternative = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI", "email")]
    subject = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return frozenset(alternative or subject)


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, f"The runner takes {MOST_AT_ONCE} calls at once, and there are more: try again."
    )
