# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's API with the login of whoever runs the command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault

from breakglass.client.login_file import KeptLogin, NoLogin, kept_login, login_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def runner_api(environ: Mapping[str, str]) -> Iterator[RunnerApi]:
    """The runner that this user has logged in to, for this block.

    Raises:
        NoLogin: Nobody is logged in, or the login is over.
    """
    login = kept_login(login_path(environ))
    with vault_of(login) as vault:
        try:
            yield RunnerApi(vault, login.runner, login.runner_ca)
        except DeniedByVault:
            raise NoLogin("Vault no longer knows your login, or it may not say who you are: breakglass login") from None


def vault_of(login: KeptLogin) -> Client:
    """Vault, with a kept login; nothing of the environment has a say."""
    options = {"url": login.vault, "ca_cert": login.vault_ca, "namespace": login.namespace}
    return Client(from_options(options, {}), login.token)
