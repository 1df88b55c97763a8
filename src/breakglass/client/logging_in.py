# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass login` and `logout`: a login in Vault, made here, kept here, and tried at the runner at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_address import check_runner_address
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.tls_files import trusted_authorities

from breakglass.client.login_file import KeptLogin, forget_login, keep_login, kept_login, login_path
from breakglass.client.session import vault_of
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import LoginMethod

WHO_PATH = "/api/v1/me"


@dataclass(frozen=True)
class Whereto:
    """The runner to log in to.

    Attributes:
        url: Its address: https, unless it is on this machine.
        ca_cert: File of CA certificates for it; empty for the system's.
    """

    url: str
    ca_cert: str

    def __post_init__(self) -> None:
        """Refuse an address that nobody may be told who we are at. Raises UnusableAddress."""
        check_runner_address(self.url)


def log_in(
    runner: Whereto, options: Mapping[str, object], environ: Mapping[str, str], method: LoginMethod | None = None
) -> Mapping[str, object]:
    """Log in at Vault as options and environment say (or by a method that is ready), ask the runner who it sees, and keep the login.

    Returns what the runner says: `name`, `person`, `groups`.

    Raises:
        BreakglassError: Vault or the runner does not accept it; nothing is kept.
    """
    ca_cert = trusted_authorities(runner.ca_cert or None, "--runner-ca, BREAKGLASS_RUNNER_CACERT") or ""
    connection = from_options(options, environ)
    with Client(connection, None) as bare:
        login = (method or login_method(options, environ)).authenticate(bare)
        vault = bare.with_token(login.token)
        try:
            seen = RunnerApi(vault, runner.url, ca_cert).call("GET", WHO_PATH)
            kept = KeptLogin(
                runner=runner.url,
                runner_ca=ca_cert,
                vault=connection.url,
                vault_ca=connection.ca_cert or "",
                namespace=connection.namespace or "",
                token=login.token,
                supplied=not login.made_by_us,
            )
            keep_login(login_path(environ), kept)
        except BreakglassError:
            if login.made_by_us:
                with suppress(BreakglassError):
                    vault.post("auth/token/revoke-self", {})
            raise
    return seen


def log_out(environ: Mapping[str, str]) -> bool:
    """End the login in Vault and forget it here; a token that was supplied lives on. Returns whether the login was ours to end.

    Raises BreakglassError when nobody is logged in.
    """
    path = login_path(environ)
    login = kept_login(path)
    forget_login(path)
    if login.supplied:
        return False
    with vault_of(login) as vault, suppress(BreakglassError):
        vault.post("auth/token/revoke-self", {})
    return True
