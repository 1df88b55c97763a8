# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against servers that redirect, stumble, lie, break off, or are not trusted."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection, from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    BusyVault,
    InvalidRequest,
    MissingPath,
    SealedVault,
    UnexpectedAnswer,
    UnreachableVault,
    UntrustedVault,
    UnusableRequest,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "s.CANARYcanaryCANARYcanary"
OK = (200, {}, b'{"data": {"ok": true}}')


class OddServer(ThreadingHTTPServer):
    """Answers with a script, the last line again and again, and notes what it was asked."""

    daemon_threads = True

    def __init__(self, *script: tuple[int, dict[str, str], bytes]) -> None:
        super().__init__(("127.0.0.1", 0), OddHandler)
        self.script = list(script)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class OddHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OddServer

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        script = self.server.script
        status, headers, body = script.pop(0) if len(script) > 1 else script[0]
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


for verb in ("GET", "POST", "PUT", "DELETE", "LIST"):
    setattr(OddHandler, f"do_{verb}", OddHandler._answer)


@contextmanager
def serving(*script: tuple[int, dict[str, str], bytes]) -> Iterator[OddServer]:
    with OddServer(*script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def client_of(server: OddServer, pauses: list[float] | None = None) -> Client:
    waited = pauses if pauses is not None else []
    return Client(Connection(url=server.url, timeout=2), TOKEN, pause=waited.append)


def error(status: int, *texts: str) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"errors": texts}).encode()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_is_never_followed(status: int, method: str) -> None:
    """The token goes to no other server, whatever the first one says."""
    with serving(OK) as other, serving((status, {"Location": other.url + "/v1/x"}, b"")) as server:
        with (
            client_of(server) as client,
            pytest.raises(UnexpectedAnswer, match=f"HTTP {status}, which is not followed"),
        ):
            client.get("x") if method == "get" else client.post("x", {})
        assert other.asked == []


def test_no_environment_proxy_and_no_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY, ALL_PROXY and a .netrc have no say."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(OK) as proxy, serving(OK) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        with client_of(server) as client:
            client.get("x")
        assert proxy.asked == []
        assert "Authorization" not in server.asked[0][2]


def test_a_proxy_that_is_asked_for_is_used() -> None:
    """The option proxies, and VAULT_PROXY_ADDR, lead through a proxy."""
    with serving(OK) as proxy:
        for options, environ in (({"proxies": proxy.url}, {}), ({}, {"VAULT_PROXY_ADDR": proxy.url})):
            connection = from_options({"url": "http://vault.invalid:8200", **options}, environ)
            with Client(connection, TOKEN) as client:
                client.get("x")
        assert [path for _, path, _ in proxy.asked] == ["http://vault.invalid:8200/v1/x"] * 2


@pytest.mark.parametrize("stumble", [error(500, "internal"), error(502), error(429), error(412), (0, {}, b"")])
def test_reads_are_repeated(stumble: tuple[int, dict[str, str], bytes]) -> None:
    """A read that meets trouble twice succeeds at the third time, with a growing pause."""
    pauses: list[float] = []
    with serving(stumble, stumble, OK) as server, client_of(server, pauses) as client:
        assert client.get("x") == {"data": {"ok": True}}
    assert pauses == [0.1, 0.2]


def test_reads_give_up() -> None:
    """After its retries a read fails with what it met last."""
    with serving(error(500)) as server, client_of(server) as client:
        with pytest.raises(UnreachableVault, match="HTTP 500"):
            client.list("x")
        with pytest.raises(UnreachableVault):
            client.ask("x", {})
        assert len(server.asked) == 6


def test_a_sealed_vault_is_not_asked_again() -> None:
    """Sealed is an answer, not trouble on the way."""
    with serving(error(503, "Vault is sealed")) as server, client_of(server) as client:
        with pytest.raises(SealedVault) as sealed:
            client.get("x")
        assert len(server.asked) == 1
        assert sealed.value.retryable


@pytest.mark.parametrize("stumble", [error(500), error(429), (0, {}, b"")])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_what_changes_something_is_sent_once(stumble: tuple[int, dict[str, str], bytes], method: str) -> None:
    """POST, PUT and DELETE are never repeated; the error tells whether they may have taken effect."""
    with serving(stumble) as server, client_of(server) as client:
        with pytest.raises((UnreachableVault, BusyVault)) as refusal:
            client.delete("x") if method == "delete" else getattr(client, method)("x", {})
        assert len(server.asked) == 1
        assert refusal.value.outcome_unknown is (stumble[0] != 429)


def test_an_answer_that_comes_too_late_has_an_unknown_outcome() -> None:
    """A server that accepts and stays silent is unreachable, and what was sent may have been done."""
    with (
        OddServer(OK) as silent,
        Client(Connection(url=silent.url, timeout=1, retries=0), TOKEN) as client,
        pytest.raises(UnreachableVault, match=r"no answer in time.*unknown") as refusal,
    ):
        client.post("x", {})
    assert refusal.value.outcome_unknown


def test_a_name_that_does_not_resolve_was_not_reached() -> None:
    """Nothing was sent, and the error says so by its outcome."""
    with (
        Client(Connection(url="http://vault.invalid:8200", timeout=2, retries=0), TOKEN) as client,
        pytest.raises(UnreachableVault, match="can't be reached") as refusal,
    ):
        client.post("x", {})
    assert not refusal.value.outcome_unknown


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[1]", b"\xff\xfe", b'"text"'])
def test_an_answer_that_is_no_object_is_unexpected(body: bytes) -> None:
    """A captive portal is not taken for Vault."""
    with (
        serving((200, {"Content-Type": "application/json"}, body)) as server,
        client_of(server) as client,
        pytest.raises(UnexpectedAnswer, match="really Vault"),
    ):
        client.get("x")


@pytest.mark.parametrize("body", [b'{"errors": "text"}', b'{"errors": null}', b"[]", b"oops", b'{"errors": [1, null]}'])
def test_a_strange_error_body_is_no_crash(body: bytes) -> None:
    """Whatever stands in an error answer, the error is ours."""
    with serving((400, {}, body)) as server, client_of(server) as client, pytest.raises(InvalidRequest):
        client.get("x")


def test_texts_of_the_server_are_made_safe() -> None:
    """Tokens, secrets of the request, control characters and length are taken out of what the server says."""
    said = f"{TOKEN} hvs.{'A' * 40} my-secret-id \x1b[31mred\n\nline " + "long " * 200
    with (
        serving(error(400, said, *["more"] * 50)) as server,
        client_of(server) as client,
        pytest.raises(InvalidRequest) as refusal,
    ):
        client.post("x", {"secret_id": "my-secret-id"})
    shown = str(refusal.value)
    assert not any(word in shown for word in ("CANARY", "hvs.", "my-secret-id", "\x1b", "\n"))
    assert len(refusal.value.errors) == 5
    assert max(map(len, refusal.value.errors)) == 300


def test_no_cause_of_an_error_shows_the_token() -> None:
    """A token that can't stand in a header breaks off without being shown, in the error or behind it."""
    with (
        serving(OK) as server,
        Client(Connection(url=server.url), "s.canary\ncanary") as client,
        pytest.raises(UnreachableVault) as refusal,
    ):
        client.get("x")
    assert "canary" not in repr(refusal.value) + str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_token_in_a_path_is_not_shown() -> None:
    """Even a token that a caller put into a path by mistake does not come back in the error."""
    with serving(error(404)) as server, client_of(server) as client, pytest.raises(MissingPath) as refusal:
        client.get(f"auth/token/lookup/{TOKEN}")
    assert "CANARY" not in str(refusal.value) + refusal.value.operation


@pytest.mark.parametrize("path", ["../sys/seal", "a/../b", "a?b=c", "a#b", "a b", "a\nb", "", "a%2fb", "ü"])
def test_a_strange_path_is_never_sent(path: str) -> None:
    """A path that could lead elsewhere is refused before it is sent."""
    with serving(OK) as server, client_of(server) as client:
        with pytest.raises(UnusableRequest):
            client.get(path)
        assert server.asked == []


def test_one_connection_serves_all() -> None:
    """Clients with other tokens use the same open connection."""
    with serving(OK) as server, client_of(server) as client:
        for token in (None, "one", "two"):
            client.with_token(token).get("x")
        ports = {headers.get("X-Vault-Token") for _, _, headers in server.asked}
        assert ports == {None, "one", "two"}
        assert all(headers["X-Vault-Request"] == "true" for _, _, headers in server.asked)


def test_the_namespace_goes_with_each_request() -> None:
    """The namespace is a header."""
    with serving(OK) as server:
        connection = replace(Connection(url=server.url), namespace="team/a")
        with Client(connection, TOKEN) as client:
            client.get("x")
        assert server.asked[0][2]["X-Vault-Namespace"] == "team/a"


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A TLS server with a certificate that only its own file vouches for: address and file."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    begin = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(begin)
        .not_valid_after(begin + timedelta(hours=3))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    file = tmp_path / "server.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    file.write_bytes(pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    with serving(OK) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        yield server.url.replace("http:", "https:"), file


def test_a_server_that_is_not_trusted_gets_no_token(tls: tuple[str, Path]) -> None:
    """An unknown certificate is refused, with the reason, and is nothing to retry."""
    with Client(Connection(url=tls[0], retries=0), TOKEN) as client, pytest.raises(UntrustedVault) as refusal:
        client.post("x", {})
    assert "self-signed certificate" in str(refusal.value)
    assert not refusal.value.retryable
    assert not refusal.value.outcome_unknown


def test_a_ca_file_makes_it_trusted(tls: tuple[str, Path]) -> None:
    """With ca_cert the same server serves."""
    with Client(Connection(url=tls[0], ca_cert=str(tls[1])), TOKEN) as client:
        assert client.get("x")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_the_check_can_be_switched_off(tls: tuple[str, Path]) -> None:
    """validate_certs: false takes any certificate."""
    with Client(Connection(url=tls[0], validate_certs=False), TOKEN) as client:
        assert client.get("x")
