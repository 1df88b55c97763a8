# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a TLS client certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..client import Client
from ..environment import given, text_option
from ..errors import UnusableOption
from ..secret_options import mount_point, role
from ..tls_files import client_certificate
from ._made import Login, LoginRequest, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADVICE = "Check that the certificate is not expired, and that a role of this mount trusts its CA and names."


@dataclass(frozen=True)
class CertLogin:
    """Certificate and key (paths of PEM files), and the role; without one, Vault tries each that fits."""

    certificate: str
    key: str | None
    role: str | None
    mount_point: str = "cert"

    def authenticate(self, client: Client) -> Login:
        """Log in over a connection of its own. Raises VaultError, RefusedLogin if Vault does not accept the certificate."""
        connection = replace(client.connection, client_cert=self.certificate, client_key=self.key)
        body = {"name": self.role} if self.role else {}
        with Client(connection, None) as own:
            return log_in(own, LoginRequest("TLS certificate", f"auth/{self.mount_point}/login", body, _ADVICE))


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> CertLogin:
    """Take `cert_auth_public_key` and `cert_auth_private_key`, else the connection's certificate (VAULT_CLIENT_CERT).

    Raises:
        UnusableOption: There is no certificate, or files that can't be used.
    """
    own = text_option(options, "cert_auth_public_key")
    if own:
        pair = client_certificate(own, text_option(options, "cert_auth_private_key"))
    else:
        pair = client_certificate(
            given(options, "client_cert", environ, "CLIENT_CERT"), given(options, "client_key", environ, "CLIENT_KEY")
        )
    if pair is None:
        raise UnusableOption(
            "The TLS certificate login needs a certificate: set cert_auth_public_key and cert_auth_private_key, or "
            "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY."
        )
    return CertLogin(*pair, role(options, environ, "TLS certificate"), mount_point(options, environ, "cert"))
