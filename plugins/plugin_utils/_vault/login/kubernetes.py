# SPDX-License-Identifier: GPL-3.0-or-later
"""Login of a pod with its service account: the token file that Kubernetes mounts and rotates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..environment import given, secret_file
from ..errors import UnusableOption
from ..secret_options import mount_point, role
from ._made import Login, LoginRequest, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

SERVICE_ACCOUNT_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 (a path)
_ADVICE = "Check that the role (role_id) is bound to this pod's service account and namespace."


@dataclass(frozen=True)
class KubernetesLogin:
    """The role, and the file with the service account's token, which is read anew at each login."""

    role: str
    path: Path
    mount_point: str = "kubernetes"

    def authenticate(self, client: Client) -> Login:
        """Read the file and log in. Raises VaultError, RefusedLogin if Vault does not accept the service account."""
        body = {"role": self.role, "jwt": secret_file(self.path, "service account's token")}
        return log_in(client, LoginRequest("Kubernetes", f"auth/{self.mount_point}/login", body, _ADVICE))


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> KubernetesLogin:
    """Take the role from `role_id`, and the file from `jwt_file` (VAULT_JWT_FILE), by default where Kubernetes puts it.

    Raises:
        UnusableOption: There is no role or no such file.
    """
    name = role(options, environ, "Kubernetes")
    if name is None:
        raise UnusableOption("The Kubernetes login needs a role: set role_id or VAULT_ROLE_ID.")
    path = Path(given(options, "jwt_file", environ, "JWT_FILE") or SERVICE_ACCOUNT_TOKEN).expanduser()
    if not path.is_file():
        raise UnusableOption(
            f"The Kubernetes login needs the service account's token, and there is no file {path}. Run in a pod whose "
            "service account token is mounted, or set jwt_file."
        )
    return KubernetesLogin(name, path, mount_point(options, environ, "kubernetes"))
