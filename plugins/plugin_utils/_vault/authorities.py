# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH certificate authorities that are there: the current one, which signs, and while it is replaced the next or the previous.

Hosts trust, and runs believe, all of them; a grant may sign with the current one alone.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .answer import section
from .errors import DeniedByVault, ForeignObject, InvalidRequest, MissingPath, UnexpectedAnswer, UnfinishedSwitch
from .names import NEXT_SSH_MOUNT, PREVIOUS_SSH_MOUNT, SSH_MOUNT, SSH_MOUNTS, public_key_path

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

if TYPE_CHECKING:
    from collections.abc import Collection

    from .client import Client

_NO_AUTHORITY_YET: Final = ("no default issuer currently configured", "keys haven't been configured yet")


def trusted_keys(client: Client) -> tuple[str, ...]:
    """Return the public key of each authority that is there, `ssh-ed25519 AAAA…`; needs no right in Vault.

    They are read in the order in which authorities move, so that a switch in between hides none.

    Raises:
        UnfinishedSwitch: None signs now, but others are there.
        UnexpectedAnswer: Something that is no public key is at one of their places.
        VaultError: Vault can't be asked.
    """
    found = {mount: key for mount in SSH_MOUNTS if (key := public_key(client, mount))}
    check_that_one_signs(found)
    return tuple(dict.fromkeys(found.values()))


def public_key(client: Client, mount: str) -> str | None:
    """Return the public key of a mount's authority; None when there is no such mount, or no authority in it.

    To a login without rights there, Vault says 403 of a mount that is not there; of one that is, it never does.

    Raises:
        UnexpectedAnswer: What is there is no public key.
        VaultError: Vault can't be asked.
    """
    try:
        text = client.get_text(public_key_path(mount))
    except (MissingPath, DeniedByVault):
        return None
    except InvalidRequest as error:
        if is_without_authority(error):
            return None
        raise
    return _canonical(text, mount)


def fingerprint(key: str) -> str:
    """Return `SHA256:…` of a public key, as `ssh-keygen -l` prints it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def standing(client: Client) -> frozenset[str]:
    """Return which of our SSH mounts are there; needs an admin's login.

    Raises:
        ForeignObject: An engine of another kind is at one of their places.
        VaultError: Vault can't be asked.
    """
    table = section(client.get("sys/mounts"), "data")
    found = frozenset(mount for mount in SSH_MOUNTS if f"{mount}/" in table)
    for mount in sorted(found):
        kind = section(table, f"{mount}/").get("type")
        if kind != "ssh":
            raise ForeignObject(f"{mount}/ (SSH): an engine of type {kind} is mounted there. It was left alone.")
    return found


def check_that_one_signs(there: Collection[str]) -> None:
    """Raise UnfinishedSwitch when others are there, and the current one is not."""
    if SSH_MOUNT in there or not there:
        return
    if NEXT_SSH_MOUNT in there:
        raise UnfinishedSwitch(
            f"No SSH certificate can be signed: {SSH_MOUNT}/ is not there, but {NEXT_SSH_MOUNT}/ is. A switch of the "
            "certificate authority is under way or was broken off; finish it with: breakglass vault authority switch"
        )
    raise UnfinishedSwitch(
        f"No SSH certificate can be signed: {SSH_MOUNT}/ is not there, but {PREVIOUS_SSH_MOUNT}/ is. Take it back with: "
        f"vault secrets move {PREVIOUS_SSH_MOUNT} {SSH_MOUNT}"
    )


def is_without_authority(error: InvalidRequest) -> bool:
    """Tell whether Vault refuses because the mount has no authority yet."""
    return bool(error.errors) and error.errors[0] in _NO_AUTHORITY_YET


def _canonical(text: str, mount: str) -> str:
    """Return the key alone, without a comment: it becomes a line of sshd's files and of known_hosts."""
    try:
        key = load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise UnexpectedAnswer(
            f"{public_key_path(mount)} in Vault is no SSH public key; is the engine at {mount}/ ours?"
        ) from None
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
