# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to a Vault whose clock is wrong: everything is passed on, but the time that `sys/health` tells."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 30
END_TO_END = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@contextmanager
def wrong_clock(target: str, seconds: int) -> Iterator[str]:
    """Stand before the Vault at `target`, whose clock seems to be so many seconds ahead; gives the address to use."""
    there = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = http.client.HTTPConnection(there, timeout=LIMIT_SECONDS)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in END_TO_END}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if self.path.startswith("/v1/sys/health"):
                told = json.loads(content)
                content = json.dumps({**told, "server_time_utc": told["server_time_utc"] + seconds}).encode()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in END_TO_END:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for verb in ("GET", "POST", "PUT", "LIST", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._pass_on)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
