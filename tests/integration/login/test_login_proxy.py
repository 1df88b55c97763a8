# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests through a proxy, and past those that other programs' variables name."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnreachableVault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.login_vault import TlsVault


class Proxy(ThreadingHTTPServer):
    """Answers each request itself, and notes what it was asked for and by whom."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Run a proxy."""
    server = Proxy()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_requests_go_through_the_proxy(proxy: Proxy) -> None:
    """With `proxies`, the proxy is asked for Vault's full address, with the name and password of its url."""
    url = f"http://alice:canary@127.0.0.1:{proxy.server_port}"
    with Client(from_options({"url": "http://vault.invalid:8200", "proxies": url}, {}), None) as client:
        assert client.get("sys/health") == {}
        assert "canary" not in repr(client) + repr(client.connection)
    assert proxy.asked == [("http://vault.invalid:8200/v1/sys/health", "Basic YWxpY2U6Y2FuYXJ5")]


def test_a_proxy_that_is_away_is_said_without_its_password() -> None:
    """A proxy that does not answer is an UnreachableVault that does not show the proxy's password."""
    options = {"url": "http://vault.invalid:8200", "proxies": "http://alice:canary@127.0.0.1:1", "retries": 0}
    with (
        Client(from_options(options, {}), None) as client,
        pytest.raises(UnreachableVault, match="the proxy did not connect us") as caught,
    ):
        client.get("sys/health")
    assert "canary" not in str(caught.value) + repr(caught.value.failure)


def test_other_programs_proxies_have_no_say(
    login_vault: TlsVault, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY of the process is not used."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    with Client(login_vault.admin.connection, None) as client:
        assert client.get("sys/seal-status")["sealed"] is False
    assert proxy.asked == []
