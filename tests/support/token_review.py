# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a Kubernetes API server that a login needs: TokenReview, strict, over TLS (authentication.k8s.io/v1).

Everything but exactly the request that Kubernetes documents is refused and noted in `faults`:
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
"""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.support.certificates import Pair

AUDIENCE = "https://kubernetes.default.svc.cluster.local"
PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


class TokenReviewServer(ThreadingHTTPServer):
    """Knows the service accounts' tokens in `accounts`: token to `namespace:name`."""

    daemon_threads = True

    def __init__(self, certificate: Pair, reviewer_jwt: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.reviewer_jwt = reviewer_jwt
        self.accounts: dict[str, str] = {}
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: TokenReviewServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self._review(body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _review(self, body: bytes) -> tuple[int, dict[str, object]]:
        if (self.command, self.path) != ("POST", PATH):
            return self._refuse(404, f"{self.command} {self.path} is not a token review")
        if self.headers.get("Authorization") != f"Bearer {self.server.reviewer_jwt}":
            return self._refuse(401, "not the reviewer's bearer token")
        if self.headers.get_content_type() != "application/json":
            return self._refuse(415, "not JSON")
        try:
            review = json.loads(body)
        except ValueError:
            return self._refuse(400, "no JSON")
        review.pop("metadata", None)  # Go writes it, empty, with each object
        status = review.pop("status", {})
        token = review.get("spec", {}).get("token")
        if review.get("kind", "TokenReview") != "TokenReview" or status.get("authenticated") or not token:
            return self._refuse(400, f"no TokenReview: {sorted(review)}")
        if not set(review) <= {"kind", "apiVersion", "spec"} or not set(review["spec"]) <= {"token", "audiences"}:
            return self._refuse(400, f"a TokenReview with more in it: {sorted(review)} {sorted(review['spec'])}")
        if AUDIENCE not in review["spec"].get("audiences", [AUDIENCE]):
            return self._refuse(400, f"another audience: {review['spec']['audiences']}")
        return 201, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": self._status(token)}

    def _status(self, token: str) -> dict[str, object]:
        account = self.server.accounts.get(token)
        if account is None:
            return {"authenticated": False, "error": "invalid bearer token"}
        groups = ["system:serviceaccounts", "system:authenticated"]
        user = {"username": f"system:serviceaccount:{account}", "uid": f"uid-of-{account}", "groups": groups}
        return {"authenticated": True, "user": user, "audiences": [AUDIENCE]}

    def _refuse(self, status: int, why: str) -> tuple[int, dict[str, object]]:
        self.server.faults.append(why)
        return status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": why}

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
