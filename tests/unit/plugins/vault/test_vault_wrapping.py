# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrapping token whose opening fails without a word: used, or not? Against a server that answers as Vault does in a race."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    InvalidRequest,
    UnreachableVault,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wrapping import open_wrapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN = "s.canarycanarycanarycanary"
BROKEN = (500, {"errors": ["1 error occurred:\n\t* internal error\n\n"]})
GONE = (400, {"errors": ["wrapping token is not valid or does not exist"]})
THERE = (200, {"data": {"creation_path": "auth/token/create/x"}})

Answer = tuple[int, "Mapping[str, object]"]


class Script(HTTPServer):
    """Gives each path its one answer, and keeps what was asked for."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.answers, self.asked = answers, list[str]()

    @property
    def client(self) -> Client:
        return Client(Connection(url=f"http://127.0.0.1:{self.server_port}", retries=0), TOKEN)


class Asked(BaseHTTPRequestHandler):
    server: Script

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.removeprefix("/v1/")
        self.server.asked.append(path)
        status, body = self.server.answers[path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def serving(request: pytest.FixtureRequest) -> Iterator[Script]:
    unwrap, lookup = request.param
    script = Script({"sys/wrapping/unwrap": unwrap, "sys/wrapping/lookup": lookup})
    thread = threading.Thread(target=script.serve_forever)
    thread.start()
    yield script
    script.shutdown()
    thread.join()
    script.server_close()


@pytest.mark.parametrize("serving", [(BROKEN, GONE)], indirect=True)
def test_an_unknown_outcome_after_which_the_token_is_gone_is_a_used_token(serving: Script) -> None:
    """Vault answers an internal error to some who unwrap at the same moment as the winner."""
    with pytest.raises(InvalidRequest):
        open_wrapping(serving.client, TOKEN)
    assert serving.asked == ["sys/wrapping/unwrap", "sys/wrapping/lookup"]


@pytest.mark.parametrize("serving", [(BROKEN, THERE), (BROKEN, BROKEN)], indirect=True)
def test_a_vault_in_trouble_is_no_alarm(serving: Script) -> None:
    """The token is there all the same, or nobody can say: that is Vault's trouble, and nobody was first."""
    with pytest.raises(UnreachableVault, match="POST sys/wrapping/unwrap failed"):
        open_wrapping(serving.client, TOKEN)


@pytest.mark.parametrize("serving", [(GONE, THERE)], indirect=True)
def test_a_refusal_is_not_asked_about_again(serving: Script) -> None:
    """What Vault said is known."""
    with pytest.raises(InvalidRequest):
        open_wrapping(serving.client, TOKEN)
    assert serving.asked == ["sys/wrapping/unwrap"]
