# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS client certificates: for the connection as such, and for the login."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    RefusedLogin,
    UnreachableVault,
    UnusableOption,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.certificates import Authority
from tests.support.login_vault import refusal, works
from tests.support.login_ways import cert

if TYPE_CHECKING:
    from tests.support.login_vault import TlsVault


def test_the_connections_certificate_logs_in(login_vault: TlsVault, tmp_path: Path) -> None:
    """Without files of its own the login takes VAULT_CLIENT_CERT and VAULT_CLIENT_KEY."""
    with cert(login_vault, tmp_path) as way:
        environ = {
            "VAULT_CLIENT_CERT": str(way.options["cert_auth_public_key"]),
            "BAO_CLIENT_KEY": str(way.options["cert_auth_private_key"]),
            "VAULT_AUTH_METHOD": "cert",
            "VAULT_MOUNT_POINT": str(way.options["mount_point"]),
        }
        works(login_method({}, environ), way.client)


def test_without_tls_there_is_no_certificate(login_vault: TlsVault, tmp_path: Path) -> None:
    """Over http:// the login is refused with Vault's reason."""
    with cert(login_vault, tmp_path) as way:
        error = refusal(login_method(way.options, {}), login_vault.admin.with_token(None), *way.secrets)
        assert isinstance(error, RefusedLogin)
        assert "no client certificate found" in str(error)


def test_a_server_that_demands_a_certificate_gets_it(login_vault: TlsVault, tmp_path: Path) -> None:
    """A listener that serves only known clients answers with the certificate, and without it the error says so."""
    people = Authority.create(tmp_path / "people", "people")
    pair = people.client("alice")
    options = {
        "url": login_vault.demanding_url,
        "ca_cert": str(login_vault.authority.path),
        "client_cert": str(login_vault.client.certificate),
        "client_key": str(login_vault.client.key),
        "retries": 0,
    }
    with Client(from_options(options, {}), None) as known:
        assert known.get("sys/seal-status")["sealed"] is False
    stranger = {**options, "client_cert": str(pair.certificate), "client_key": str(pair.key)}
    for refused in ({**options, "client_cert": None, "client_key": None}, stranger):
        said = [_error_of(refused)]
        while "reset" in said[-1] and len(said) < 20:  # the server's alert can be lost with its connection
            said.append(_error_of(refused))
        assert "does not accept our client certificate" in said[-1]
        assert "client_cert" in said[-1]


def _error_of(options: dict[str, object]) -> str:
    with Client(from_options(options, {}), None) as client, pytest.raises(UnreachableVault) as caught:
        client.get("sys/seal-status")
    return str(caught.value)


def test_files_that_cannot_be_used_are_refused_before_any_request(tmp_path: Path) -> None:
    """An encrypted key, another's key, no PEM and a missing file are one sentence each; nobody is asked at a terminal."""
    people = Authority.create(tmp_path, "people")
    alice, other, locked = people.client("alice"), people.client("other"), people.client("locked", b"canary-password")
    (tmp_path / "text").write_text("canary")
    for certificate, key in (
        (locked.certificate, locked.key),
        (alice.certificate, other.key),
        (tmp_path / "text", alice.key),
        (alice.certificate, tmp_path / "text"),
        (alice.certificate, tmp_path / "missing"),
    ):
        options = {
            "auth_method": "cert",
            "cert_auth_public_key": str(certificate),
            "cert_auth_private_key": str(key),
        }
        with pytest.raises(UnusableOption) as caught:
            login_method(options, {})
        assert "canary" not in str(caught.value)
        with pytest.raises(UnusableOption):
            from_options({"url": "https://x", "client_cert": str(certificate), "client_key": str(key)}, {})


def test_certificate_and_key_may_be_one_file(login_vault: TlsVault, tmp_path: Path) -> None:
    """A PEM file with both serves without a key file."""
    with cert(login_vault, tmp_path) as way:
        paths = [str(way.options[name]) for name in ("cert_auth_public_key", "cert_auth_private_key")]
        both = tmp_path / "both.pem"
        both.write_text("".join(Path(path).read_text(encoding="ascii") for path in paths), encoding="ascii")
        options = {**way.options, "cert_auth_public_key": str(both), "cert_auth_private_key": None}
        works(login_method(options, {}), way.client)
