# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of everything of ours in Vault. Pure; whatever builds a path or a policy takes its names from here."""

from __future__ import annotations

import re
from typing import Final, NewType

from .errors import UnusableRequest

AccessName = NewType("AccessName", str)
"""The name of an access, checked by `access_name`."""

SSH_MOUNT: Final = "ssh-breakglass"
"""Where certificates are signed: the current certificate authority."""

NEXT_SSH_MOUNT: Final = "ssh-breakglass-next"
PREVIOUS_SSH_MOUNT: Final = "ssh-breakglass-previous"
SSH_MOUNTS: Final = (NEXT_SSH_MOUNT, SSH_MOUNT, PREVIOUS_SSH_MOUNT)
"""Every place of a certificate authority, in the order in which one moves through them while it is replaced."""

TRANSIT_MOUNT: Final = "transit"
KV_MOUNT: Final = "kv"
TOTP_MOUNT: Final = "totp"
APPROLE_MOUNT: Final = "approle"

JOURNAL_KEY: Final = "breakglass-journal"
RUNNER: Final = "breakglass-runner"
RUNNER_POLICY: Final = "breakglass-runner"
OPERATOR_POLICY: Final = "breakglass-operator"
PERSON_POLICY: Final = "breakglass-person"
GRANT_POLICY: Final = "breakglass-grant"
HOST_ROLE: Final = "breakglass-host"
CHILD_ROLE_PREFIX: Final = "breakglass-child-"
ORPHAN_ROLE_PREFIX: Final = "breakglass-orphan-"
SHORT_ROLE_PREFIX: Final = "breakglass-short-"
RENEWING_POLICY: Final = "breakglass-renewing-grant"

IDENTITY_NAME: Final = "breakglass"
IDENTITY_KEY_PATH: Final = f"identity/oidc/key/{IDENTITY_NAME}"
IDENTITY_ROLE_PATH: Final = f"identity/oidc/role/{IDENTITY_NAME}"
IDENTITY_TOKEN_PATH: Final = f"identity/oidc/token/{IDENTITY_NAME}"
SIGN_IN_CLIENT_PATH: Final = f"identity/oidc/client/{IDENTITY_NAME}"
SIGN_IN_PROVIDER_PATH: Final = f"identity/oidc/provider/{IDENTITY_NAME}"
HOLD_PATH: Final = f"{KV_MOUNT}/data/breakglass/hold"
RUNNER_ROLE_PATH: Final = f"auth/{APPROLE_MOUNT}/role/{RUNNER}"
JOURNAL_KEY_PATH: Final = f"{TRANSIT_MOUNT}/keys/{JOURNAL_KEY}"

_ACCESS: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_RESERVED: Final = frozenset({"host"})
_ROLE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MOUNT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_OURS: Final = frozenset({"sys", "auth", "identity", *SSH_MOUNTS, TRANSIT_MOUNT})
_SECRET: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*)*")


def access_name(name: str) -> AccessName:
    """Return `name` as the name of an access.

    Raises:
        UnusableRequest: It is not `[a-z0-9][a-z0-9-]{0,62}`, or begins as the SSH roles do that sign host certificates.
    """
    if not _ACCESS.fullmatch(name):
        raise UnusableRequest("An access must be named with a-z, 0-9 and dash, at most 63 of them, not a dash first.")
    if name in _RESERVED or name.startswith("host-"):
        raise UnusableRequest(f"An access may not be named {name}: {HOST_ROLE} begins the roles of host certificates.")
    return AccessName(name)


def host_name(name: str) -> str:
    """Return `name` as an inventory name that can be the principal of a certificate.

    Raises:
        UnusableRequest: It holds anything but letters, digits, dot, underscore and dash (a comma would make two names).
    """
    if not _HOST.fullmatch(name):
        raise UnusableRequest("A host for a certificate must be named with letters, digits, dot, underscore and dash.")
    return name


def child_role(access: str) -> str:
    """Token role under which the runner mints: the grant dies with the runner's session."""
    return f"{CHILD_ROLE_PREFIX}{access_name(access)}"


def orphan_role(access: str) -> str:
    """Token role under which an operator's login mints: the grant does not depend on the login."""
    return f"{ORPHAN_ROLE_PREFIX}{access_name(access)}"


def short_role(access: str) -> str:
    """Token role for containers: an orphan that dies two minutes after its guard did, unless it is renewed."""
    return f"{SHORT_ROLE_PREFIX}{access_name(access)}"


def access_policy(access: str) -> str:
    """Policy with the credentials of one access."""
    return f"breakglass-access-{access_name(access)}"


def grant_policies(access: str) -> frozenset[str]:
    """Return the policies that a grant of this access has: these and no other."""
    return frozenset({GRANT_POLICY, access_policy(access)})


def ssh_role(access: str) -> str:
    """SSH role that signs for users, for the hosts of one access."""
    return f"breakglass-{access_name(access)}"


def ssh_host_role(access: str) -> str:
    """SSH role that signs host certificates, for the hosts of one access."""
    return f"{HOST_ROLE}-{access_name(access)}"


def authority_path(mount: str = SSH_MOUNT) -> str:
    """Where the certificate authority of one of our SSH mounts is made, and read with a right to."""
    return f"{mount}/config/ca"


def public_key_path(mount: str) -> str:
    """Where anybody may read the public key of an SSH mount, as plain text."""
    return f"{mount}/public_key"


def mount_point(path: str) -> str:
    """Return where an engine is mounted, without slashes around it.

    Raises:
        UnusableRequest: It holds anything but letters, digits, dot, underscore, dash and single slashes; or what is there
            is Vault's own or ours: tokens, policies, people, certificates of hosts, the signing of the journal.
    """
    if path.split("/", 1)[0] in _OURS:
        raise UnusableRequest(f"No access opens anything of {path}/ in Vault: it would be more than a credential.")
    if not _MOUNT.fullmatch(path):
        raise UnusableRequest("A mount point may hold letters, digits, dot, underscore, dash and single slashes.")
    return path


def role_name(name: str) -> str:
    """Return the name of a role of an engine.

    Raises:
        UnusableRequest: It holds anything but letters, digits, dot, underscore and dash.
    """
    if not _ROLE.fullmatch(name):
        raise UnusableRequest("A role of an engine must be named with letters, digits, dot, underscore and dash.")
    return name


def secret_path(path: str) -> str:
    """Return the path of a secret below its engine.

    Raises:
        UnusableRequest: It holds what a path of a secret of ours may not, or is our own: `breakglass/`.
    """
    if not _SECRET.fullmatch(path):
        raise UnusableRequest("The path of a secret may hold letters, digits, ._@:+=- and single slashes.")
    if path.split("/", 1)[0] == "breakglass":
        raise UnusableRequest("Below breakglass/ the anchors and the hold are kept; no grant opens them.")
    return path


def anchor_path(origin: str) -> str:
    """Path below the KV mount's `data/` or `metadata/` for the anchors of one origin.

    Raises:
        UnusableRequest: The origin is empty or holds something that can't stand in a path.
    """
    segments = origin.split("/")
    if not all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments):
        raise UnusableRequest(
            "The origin of an anchor may hold letters, digits, dot, underscore, dash and single slashes."
        )
    return "breakglass/anchors/" + "/".join(segments)
