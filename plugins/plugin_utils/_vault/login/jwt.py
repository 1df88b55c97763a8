# SPDX-License-Identifier: GPL-3.0-or-later
"""Login with a signed JSON Web Token: that of a CI job, a cloud workload, or an OIDC provider's id token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..secrecy import KeptInProcess
from ..secret_options import mount_point, needed_word, role
from ._made import Login, LoginRequest, log_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client

_ADVICE = "Check the role (role_id), the token's issuer, audience and end, and the clocks."


@dataclass(frozen=True)
class JwtLogin(KeptInProcess):
    """A JWT and the role to log in to; without a role, the mount's default one."""

    jwt: str = field(repr=False)
    role: str | None
    mount_point: str = "jwt"

    def authenticate(self, client: Client) -> Login:
        """Log in. Raises VaultError, RefusedLogin if Vault does not accept the JWT."""
        body = {"jwt": self.jwt, **({"role": self.role} if self.role else {})}
        return log_in(client, LoginRequest("JWT", f"auth/{self.mount_point}/login", body, _ADVICE))


def validate(options: Mapping[str, object], environ: Mapping[str, str]) -> JwtLogin:
    """Take `jwt` (or `jwt_file`, VAULT_JWT), and the role from `role_id`.

    Raises:
        UnusableOption: There is no JWT, or one that is not one printable word.
    """
    word = needed_word("jwt", options, environ, "JWT")
    return JwtLogin(word, role(options, environ, "JWT"), mount_point(options, environ, "jwt"))
