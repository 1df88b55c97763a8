# SPDX-License-Identifier: GPL-3.0-or-later
"""The LDAP login of Vault's API in front of a real OpenBao, which has no LDAP method built in; strict.

Logins at `auth/ldap/login/NAME` must be exactly what https://openbao.org/api-docs/auth/ldap/#login-with-ldap-user
documents; what they yield is a real token. Everything else goes on to OpenBao as it is.
"""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "/v1/auth/ldap/login/"
WRONG = "ldap operation failed: failed to bind as user"


class LdapFront(ThreadingHTTPServer):
    """Knows people's passwords in `passwords`; what was not as documented is noted in `faults`.

    Tokens are made at `path` with these rules.
    """

    daemon_threads = True

    def __init__(self, admin: Client, rules: Mapping[str, object], path: str = "auth/token/create") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.admin = admin
        self.rules = rules
        self.path = path
        self.passwords: dict[str, str] = {}
        self.faults: list[str] = []
        self.client = Client(Connection(f"http://127.0.0.1:{self.server_port}"), None)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: LdapFront

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, content = self._login(body) if self.path.startswith(PREFIX) else self._pass_on(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _login(self, body: bytes) -> tuple[int, bytes]:
        name = self.path.removeprefix(PREFIX)
        try:
            fields = json.loads(body)
        except ValueError:
            fields = None
        strict = (
            self.command == "POST"
            and self.headers.get("X-Vault-Request") == "true"
            and "X-Vault-Token" not in self.headers
            and isinstance(fields, dict)
            and fields.keys() == {"password"}
            and name.isidentifier()
        )
        if not strict:
            self.server.faults.append(f"{self.command} {self.path} is not the login that is documented")
            return _errors("not the login that is documented")
        if self.server.passwords.get(name) != fields["password"]:
            return _errors(WRONG)
        answer = self.server.admin.post(self.server.path, {**self.server.rules, "meta": {"username": name}})
        return 200, json.dumps(answer).encode()

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        upstream = HTTPConnection(urlsplit(self.server.admin.connection.url).netloc, timeout=10)
        try:
            kept = {name: value for name, value in self.headers.items() if name.startswith("X-Vault-")}
            upstream.request(self.command, self.path, body or None, {**kept, "Content-Type": "application/json"})
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _errors(text: str) -> tuple[int, bytes]:
    return 400, json.dumps({"errors": [text]}).encode()
