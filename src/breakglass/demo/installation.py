# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the demo's installation: settings, policy, inventory and secrets, written as a person would write them."""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "web1"
LOGIN = "breakglass"
POLICY = Path(__file__).with_name("breakglass.yml")


@dataclass(frozen=True)
class Installation:
    """Where the demo's files are.

    Attributes:
        directory: What is left for the reader: settings, policy, inventory, alert, journal, key.
        scratch: Database, secrets and runs; gone at the end.
    """

    directory: Path
    scratch: Path

    @property
    def settings(self) -> Path:
        """The settings of the demo's runner."""
        return self.directory / "settings.yml"

    @property
    def journal(self) -> Path:
        """The journal's directory."""
        return self.directory / "journal"

    @property
    def keys(self) -> Path:
        """The public keys of the checkpoints, beside the journal."""
        return self.directory / "journal.keys"

    @property
    def inventory(self) -> Path:
        """The inventory: one host."""
        return self.directory / "inventory.yml"

    @property
    def policy(self) -> Path:
        """The policy."""
        return self.directory / "breakglass.yml"

    def secret(self, name: str) -> Path:
        """The file of a secret."""
        return self.scratch / "secrets" / name


def write_settings(place: Installation, vault_url: str, channel_url: str) -> str:
    """Write settings, policy and secrets; returns the bearer token of the demo's Alertmanager."""
    token = secrets.token_urlsafe(32)
    _write_secret(place.secret("alertmanager"), token)
    _write_secret(place.secret("on-call"), channel_url)
    place.policy.write_bytes(POLICY.read_bytes())
    settings = {
        "listen": "127.0.0.1:0",
        "policy": str(place.policy),
        "inventory": str(place.inventory),
        "database_url": f"sqlite:///{place.scratch / 'breakglass.db'}",
        "journal": {"directory": str(place.journal)},
        "run_directory": str(place.scratch / "runs"),
        "vault": {
            "url": vault_url,
            "auth_method": "approle",
            "role_id_file": str(place.secret("role_id")),
            "secret_id_file": str(place.secret("secret_id")),
        },
        "sources": {
            "alertmanager": {"kind": "alertmanager", "bearer_token_files": [str(place.secret("alertmanager"))]}
        },
        "channels": {"on-call": {"url_file": str(place.secret("on-call"))}},
    }
    place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return token


def write_inventory(place: Installation, ssh_port: int, restart: Sequence[str], stop: Sequence[str], url: str) -> None:
    """Write the inventory: how web1 is reached, and how its service is restarted (nobody supervises it)."""
    host = {
        "ansible_host": "127.0.0.1",
        "ansible_port": ssh_port,
        "ansible_python_interpreter": sys.executable,
        "restart_service_command": list(restart),
        "restart_service_stop_command": list(stop),
        "restart_service_health_url": url,
        "restart_service_health_timeout": 3,
    }
    inventory = {"web": {"hosts": {HOST: host}}}
    place.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")


def write_alert(place: Installation, alert: object) -> None:
    """Leave the alert for the reader."""
    (place.directory / "alert.json").write_text(json.dumps(alert, indent=2) + "\n", encoding="utf-8")


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret)
