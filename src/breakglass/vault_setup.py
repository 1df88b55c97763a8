# SPDX-License-Identifier: GPL-3.0-or-later
"""The Vault side of a policy: generated from its accesses, so that the two can't disagree."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import preparation
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import (
    AccessSpec,
    CredentialSpec,
    DatabaseRole,
    HostCertificates,
    KeptSecret,
    PkiHostRole,
    PkiRole,
    SecretPath,
    StaticRole,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.advice import advice
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import logged_in
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import SSH_MOUNT
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired

from breakglass.errors import BreakglassError
from breakglass.policy_site import site_of
from breakglass.vault_authority import rotation, ssh_mounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.domain.rules import Access, Policy, VaultCredential
    from breakglass.inventory import Inventory
    from breakglass.settings import Settings


class UnwritableSecret(BreakglassError):
    """Raised when the runner's login can't be written to its file."""


@dataclass(frozen=True)
class Preparation:
    """What a plan would do, or has done.

    Attributes:
        changes: What is added (`+ …`) and changed (`~ …`, and one indented line a field).
        says: How many they are, and what becomes of the runner's login.
        login: Whether the runner's login is issued.
        advice: What the site itself should see to.
    """

    changes: list[str]
    says: list[str]
    login: bool
    advice: list[str]

    @property
    def lines(self) -> list[str]:
        """All of it, for people."""
        return [*self.changes, *self.says, *self.advice]


@dataclass(frozen=True)
class VaultSetup:
    """The accesses of one installation, and the admin's login to bring Vault what they need."""

    settings: Settings
    client: Client
    accesses: tuple[AccessSpec, ...]
    groups: frozenset[str] = frozenset()

    @classmethod
    @contextmanager
    def from_settings(cls, settings: Settings, environ: Mapping[str, str]) -> Iterator[VaultSetup]:
        """Load policy and inventory, and log in as the environment says, for this block; raises BreakglassError."""
        site = site_of(settings)
        vault = settings.vault
        options = {
            "url": vault.url,
            "namespace": vault.namespace,
            "ca_cert": str(vault.ca_cert) if vault.ca_cert else None,
        }
        with logged_in(options, environ) as client:
            yield cls(settings, client, tuple(access_specs(site.policy, site.inventory)), site.policy.groups)

    def plan(self, *, next_authority: bool = False) -> Preparation:
        """What would be added and changed, and what the site itself should see to.

        Args:
            next_authority: With a second SSH certificate authority, by which the current one is to be replaced.

        Raises:
            VaultError: Vault can't be asked, or something of others is at one of our places.
        """
        mounts = ssh_mounts(self.client, next_authority=next_authority)
        changes = self._changes(mounts)
        says = [preparation.summary(changes)]
        if not self._has_login():
            says.append(f"The runner's login will be issued to {self.settings.vault.secret_id_file}.")
        if not changes:  # otherwise applying them is what comes next
            says += rotation(mounts, next_authority=next_authority)
        return Preparation(_lines(changes), says, not self._has_login(), self._advice())

    def apply(self, *, next_authority: bool = False) -> Preparation:
        """Bring it there, and issue the runner's login if its files are not there yet; says what was done.

        Args:
            next_authority: As for `plan`.

        Raises:
            VaultError: As for `plan`; or Vault refuses.
            UnwritableSecret: The runner's login can't be written.
        """
        mounts = ssh_mounts(self.client, next_authority=next_authority)
        changes = self._changes(mounts)
        preparation.apply(self.client, changes)
        issues = not self._has_login()
        says = [self._issue_login(), *rotation(mounts, next_authority=next_authority)]
        return Preparation(_lines(changes), says, issues, self._advice())

    def _changes(self, mounts: frozenset[str]) -> list[preparation.Change]:
        further = sorted(mounts - {SSH_MOUNT})
        wanted = desired(
            self.accesses, further_mounts=further, groups=self.groups, sign_in_at=self.settings.signed_in_url
        )
        return preparation.plan(self.client, wanted)

    def _advice(self) -> list[str]:
        return list(advice(self.client, self.accesses))

    def _has_login(self) -> bool:
        return self.settings.vault.role_id_file.exists() and self.settings.vault.secret_id_file.exists()

    def _issue_login(self) -> str:
        role_file, secret_file = self.settings.vault.role_id_file, self.settings.vault.secret_id_file
        if self._has_login():
            return f"The runner's login in {secret_file} stays as it is; delete the file to have a new one issued."
        role_id, secret_id = preparation.secret_id(self.client)
        _write_secret(role_file, role_id)
        _write_secret(secret_file, secret_id)
        return f"The runner's login is in {role_file} and {secret_file}, shown nowhere."


def _lines(changes: Iterable[preparation.Change]) -> list[str]:
    return [line for change in changes for line in change.lines()]


def access_specs(policy: Policy, inventory: Inventory) -> list[AccessSpec]:
    """The accesses with the inventory names that they may open."""
    return [_spec(access, inventory) for access in policy.access.values()]


def _spec(access: Access, inventory: Inventory) -> AccessSpec:
    hosts = sorted(host for host, groups in inventory.hosts.items() if groups & set(access.hosts))
    return AccessSpec(
        name=access.name,
        hosts=tuple(hosts),
        ssh_user=access.ssh.user if access.ssh else None,
        max_time_box=access.max_time_box,
        credentials=tuple(_credential_spec(credential) for credential in access.credentials),
    )


def _credential_spec(credential: VaultCredential) -> CredentialSpec:
    match credential.kind:
        case "database":
            return DatabaseRole(credential.mount, credential.name)
        case "pki":
            return PkiRole(credential.mount, credential.name)
        case "pki_host":
            return PkiHostRole(credential.mount, credential.name)
        case "rotation" if credential.engine == "database":
            return StaticRole(credential.mount, credential.name)
        case "rotation":
            return KeptSecret(credential.mount, credential.name)
        case "secret":
            return SecretPath(credential.engine, credential.mount, credential.name)
    return HostCertificates()


def _write_secret(path: Path, secret: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret + "\n")
    except OSError as error:
        raise UnwritableSecret(f"The runner's login can't be written to {path}: {error.strerror}.") from error
