# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose access `shop-operator` opens every kind of credential: what the examples of the modules work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.support.database_engine import prepare_database
from tests.support.postgresql import DATABASE, LOOPBACK
from tests.support.site import Site

from breakglass.demo.parts import prepare_vault

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.postgresql import PostgreSQL

ACCESS: Final = "shop-operator"
DATABASE_ROLES: Final = ("shop-admin", "shop-reports")
MAIL: Final = (
    {"MAIL_USER": "shop", "MAIL_PASSWORD": "canary-one"},
    {"MAIL_USER": "shop", "MAIL_PASSWORD": "canary-two"},
)
POLICY: Final = f"""
  {ACCESS}:
    hosts: [web, db]
    credentials:
      - {{kind: ssh, user: breakglass}}
      - {{kind: ssh_host}}
      - {{kind: database, role: shop-admin}}
      - {{kind: database, role: shop-reports}}
      - {{kind: pki, role: shop-client}}
      - {{kind: pki_host, role: shop-server}}
      - {{kind: secret, path: shop/*}}
      - {{kind: secret, engine: dynamic, mount: ssh-otp, path: creds/shop}}
    max_time_box: 15m
"""


class Shop:
    """The site of a shop with a web host that is its database host too; use it in a `with` block.

    Attributes:
        site: The site; do not stop its parts.
        postgresql: Where the database users are.
    """

    def __init__(self, postgresql: PostgreSQL) -> None:
        self.site = Site()
        self.postgresql = postgresql

    def __enter__(self) -> Self:
        """Start the site and prepare it, the engines by hand and the rest by our own code."""
        self.site.__enter__()
        inventory = yaml.safe_load(self.site.place.inventory.read_text(encoding="utf-8"))
        inventory["db"] = {"hosts": {"web1": None}}
        self.site.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        policy = self.site.place.policy.read_text(encoding="utf-8")
        self.site.place.policy.write_text(policy.replace("\naccess:", f"\naccess:{POLICY.rstrip()}"), encoding="utf-8")
        with self.admin() as admin:
            for role in DATABASE_ROLES:
                prepare_database(admin, self.postgresql, role)
            _prepare_pki(admin)
            _prepare_one_time_passwords(admin)
            for values in MAIL:
                admin.post("kv/data/shop/mail", {"data": values})
        self.advice = prepare_vault(self.site.place.settings, self.site.environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the site."""
        self.site.__exit__(kind, error, trace)

    def admin(self) -> Client:
        """A client that may do everything."""
        return Client(Connection(url=self.site.vault.url), self.site.vault.root_token)

    @property
    def variables(self) -> dict[str, str]:
        """Where its database is, for plays."""
        return {
            "shop_database_host": LOOPBACK,
            "shop_database_port": str(self.postgresql.port),
            "shop_database_name": DATABASE,
        }


def _prepare_pki(admin: Client) -> None:
    admin.post("sys/mounts/pki", {"type": "pki"})
    admin.post("pki/root/generate/internal", {"common_name": "Shop CA", "key_type": "ec", "ttl": "1000h"})
    role = {
        "allowed_domains": ["shop.example.com"],
        "allow_subdomains": True,
        "allow_ip_sans": True,
        "key_type": "ec",
        "client_flag": True,
        "server_flag": False,
        "max_ttl": "15m",
        "generate_lease": True,
        "no_store": False,
    }
    admin.post("pki/roles/shop-client", role)
    server = {"client_flag": False, "server_flag": True, "max_ttl": "720h", "generate_lease": False}
    admin.post("pki/roles/shop-server", {**role, **server, "allow_bare_domains": True})


def _prepare_one_time_passwords(admin: Client) -> None:
    admin.post("sys/mounts/ssh-otp", {"type": "ssh", "config": {"default_lease_ttl": "5m", "max_lease_ttl": "15m"}})
    role = {"key_type": "otp", "default_user": "shop", "cidr_list": "192.0.2.0/24"}
    admin.post("ssh-otp/roles/shop", role)
