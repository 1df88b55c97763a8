# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's OpenBao: on the controller, prepared by the project's own code from the lab's policy, and its logins."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import VaultError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.lab import cgroups
from tests.lab.errors import BrokenLab
from tests.lab.vault_pki import prepare_certificates, prepare_secret

from breakglass.settings import load_settings
from breakglass.vault_setup import VaultSetup

if TYPE_CHECKING:
    from tests.lab.places import Place

URL: Final = "http://127.0.0.1:8200"
PART: Final = "controller/openbao"
READY_WITHIN_SECONDS: Final = 30
BETWEEN_LOOKS_SECONDS: Final = 0.05


def start_vault(place: Place) -> None:
    """Start it, in memory, from inside of the controller's network; it outlives us. Raises BrokenLab."""
    token = secrets.token_urlsafe(24)
    write_secret(place.secret("root-token"), token)
    program = Path(sys.executable).with_name("bao")
    address = URL.removeprefix("http://")
    command = (str(program), "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}")
    environment = {"HOME": str(place.controller), "PATH": os.defpath, "BAO_DEV_ROOT_TOKEN_ID": token}
    with (place.controller / "openbao.log").open("ab") as log:
        subprocess.run(
            cgroups.entering(place.name, PART, "setsid", "--fork", *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # its banner shows the unseal key
            stderr=log,
            env=environment,
            cwd=place.controller,
            check=True,
        )
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        with suppress(VaultError):
            admin(place).get("auth/token/lookup-self")
            return
        if time.monotonic() > deadline:
            raise BrokenLab(f"OpenBao does not start; see {place.controller / 'openbao.log'}")
        time.sleep(BETWEEN_LOOKS_SECONDS)


def prepare_vault(place: Place) -> None:
    """What `breakglass vault apply` does, and a login of an operator who may do nothing but open grants."""
    with VaultSetup.from_settings(load_settings(place.settings), environment(place)) as setup:
        setup.apply()
    prepare_certificates(admin(place))
    prepare_secret(admin(place))
    body = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "240h"}
    auth = admin(place).post("auth/token/create", body)["auth"]
    if not isinstance(auth, dict):
        raise BrokenLab("OpenBao made no login for the operator.")
    write_secret(place.secret("operator-token"), str(auth["client_token"]))


def admin(place: Place) -> Client:
    """A client that may do everything."""
    token = place.secret("root-token").read_text(encoding="ascii").strip()
    return Client(Connection(url=URL, retries=0), token)


def environment(place: Place, login: str = "root-token") -> dict[str, str]:
    """What finds the lab's OpenBao, with the admin's login, or the operator's (`operator-token`)."""
    return {"VAULT_ADDR": URL, "VAULT_TOKEN": place.secret(login).read_text(encoding="ascii").strip()}


def write_secret(path: Path, text: str) -> None:
    """Write a file that is root's alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
