# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at the other end of a TLS connection: the names of its client certificate, which OpenSSL has verified.

uvicorn does not hand the certificate to the application, so this protocol puts its names into the scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, MutableMapping

EXTENSION = "breakglass.peer_names"


class PeerProtocol(H11Protocol):
    """HTTP/1.1 whose requests know the names of the client certificate of their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Look at the certificate once, and have every request of this connection know it."""
        names = _names(transport.get_extra_info("peercert") or {})
        app = self.app

        async def with_names(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = names
            await app(scope, receive, send)

        self.app = with_names
        super().connection_made(transport)


def peer_names(scope: Mapping[str, Any]) -> frozenset[str]:
    """The names of a request's client certificate; none without one."""
    names: frozenset[str] = scope.get("extensions", {}).get(EXTENSION, frozenset())
    return names


def _names(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Subject alternative names; without any, the common name."""
    alternative = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI", "email")]
    subject = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return frozenset(alternative or subject)
