# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's OpenBao issues and keeps for hosts: certificates by an intermediate CA, and a secret to be rotated."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

ROLE: Final = "lab-server"
"""The PKI role for services of the lab's hosts, for 90 days at most."""

SECRET: Final = "lab/shop"
"""A secret of the store `kv/`, whose `password` the lab's shop wants."""


def prepare_certificates(admin: Client) -> None:
    """Mount a root at `pki-root/` and an intermediate at `pki/`, with the role; the access in the policy opens it."""
    for mount in ("pki-root", "pki"):
        admin.post(f"sys/mounts/{mount}", {"type": "pki", "config": {"max_lease_ttl": "8760h"}})
    admin.post("pki-root/root/generate/internal", {"common_name": "lab root", "key_type": "ec", "ttl": "8760h"})
    request = {"common_name": "lab hosts", "key_type": "ec"}
    csr = text(section(admin.post("pki/intermediate/generate/internal", request), "data"), "csr")
    wanted = {"csr": csr, "common_name": "lab hosts", "ttl": "4380h", "format": "pem"}
    signed = section(admin.post("pki-root/root/sign-intermediate", wanted), "data")
    chain = f"{text(signed, 'certificate')}\n{text(signed, 'issuing_ca')}\n"
    admin.post("pki/intermediate/set-signed", {"certificate": chain})
    role = {
        "allowed_domains": ["web1", "web2", "lab.test"],
        "allow_bare_domains": True,
        "allow_subdomains": True,
        "allow_ip_sans": False,
        "key_type": "ec",
        "server_flag": True,
        "client_flag": False,
        "max_ttl": "2160h",
        "generate_lease": False,
    }
    admin.post(f"pki/roles/{ROLE}", role)


def root_certificate(admin: Client) -> str:
    """The certificate of the root, which a client of the hosts trusts (PEM)."""
    return text(section(admin.get("pki-root/cert/ca"), "data"), "certificate") + "\n"


def prepare_secret(admin: Client) -> None:
    """Write the secret, with a value of its own."""
    admin.post(f"kv/data/{SECRET}", {"data": {"user": "till7", "password": secrets.token_urlsafe(24)}})
