# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving a person their second factor: a key of Vault's TOTP engine, eight digits, this moment's code only.

The key is shown once, to whoever runs the command; Vault does not give it out again.
"""

from __future__ import annotations

import os
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import TOTP_MOUNT

from breakglass.errors import BreakglassError
from breakglass.identity import PERSON

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

ISSUER = "breakglass"


class UnusableEnrolment(BreakglassError):
    """Raised when no second factor can be made as it was asked for; nothing was changed."""


@dataclass(frozen=True)
class Enrolled:
    """A new second factor; both are secret.

    Attributes:
        address: The `otpauth://` address that an authenticator reads.
        picture: The same as a QR code (PNG).
    """

    address: str
    picture: bytes


def enrol(client: Client, person: str, *, replace: bool = False) -> Enrolled:
    """Make a person's second factor, with an admin's login.

    Raises:
        UnusableEnrolment: They have one, and it is not to be replaced; or nobody can be called like that.
        VaultError: Vault refuses or can't be asked.
    """
    if not PERSON.fullmatch(person):
        raise UnusableEnrolment(
            f"{person[:80]!r} can't be the metadata `person` of an entity: letters, digits and ._@-, at most 64."
        )
    path = f"{TOTP_MOUNT}/keys/{person}"
    if not replace and _is_there(client, path):
        raise UnusableEnrolment(f"{person} has a second factor. A new one ends the old one: say so with --replace.")
    key = {"generate": True, "exported": True, "issuer": ISSUER, "account_name": person, "key_size": 32}
    made = section(client.post(path, {**key, "digits": 8, "skew": 0, "period": 30, "qr_size": 400}), "data")
    return Enrolled(text(made, "url"), b64decode(text(made, "barcode")))


def write_picture(path: Path, picture: bytes) -> None:
    """Write the QR code to a new file that only its owner may read. Raises UnusableEnrolment."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(picture)
    except OSError as error:
        raise UnusableEnrolment(
            f"The QR code can't be written to {path}: {error.strerror}. The second factor was made all the same, and "
            "nobody has it: make it again with --replace, to a new file."
        ) from error


def _is_there(client: Client, path: str) -> bool:
    try:
        client.get(path)
    except (MissingPath, InvalidRequest):
        return False
    return True
