# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of the hosts' PostgreSQL that the lab's OpenBao makes for a grant: who may look at sessions and end them, and nothing else."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from tests.lab.errors import BrokenLab
from tests.lab.places import group_of
from tests.lab.vault import admin
from tests.support.database_engine import REVOCATION as GUIDE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.lab.host import LabHost
    from tests.lab.places import Place

READY_WITHIN_SECONDS: Final = 30
BETWEEN_LOOKS_SECONDS: Final = 0.2
ADMINISTRATOR: Final = "vault"
# It makes and drops users, and may hand on two rights: that is all. PostgreSQL 16 asks for the admin option.
ADMINISTRATOR_SQL: Final = f"""
SET log_min_error_statement = panic;
DROP ROLE IF EXISTS {ADMINISTRATOR};
CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE PASSWORD 'NEW';
GRANT pg_monitor, pg_signal_backend TO {ADMINISTRATOR} WITH ADMIN OPTION;
"""
CREATION: Final = (
    """CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE pg_monitor, pg_signal_backend;""",
)
# Those of docs/guides/credentials.md, for a user who can own nothing.
REVOCATION: Final = tuple(
    "\n".join(line for line in statement.splitlines() if " OWNED BY " not in line) for statement in GUIDE
)


def role_of(host: str) -> str:
    """The dynamic role for the database of a host."""
    return f"lab-{host}"


def prepare_databases(place: Place, hosts: Iterable[LabHost]) -> None:
    """Let OpenBao make users of each database host, with an administrator whose password OpenBao alone knows. Raises BrokenLab."""
    databases = [host for host in hosts if group_of(host.name) == "db"]
    client = admin(place)
    client.post("sys/mounts/database", {"type": "database"})
    for host in databases:
        password = secrets.token_urlsafe(24)
        _as_postgres(host, ADMINISTRATOR_SQL.replace("NEW", password))
        connection = {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{host.address}:5432/postgres",
            "username": ADMINISTRATOR,
            "password": password,
            "allowed_roles": [role_of(host.name)],
            "max_idle_connections": -1,  # of the few that the database has, it keeps none
        }
        client.post(f"database/config/{host.name}", connection)
        client.post(f"database/rotate-root/{host.name}", {})
        role = {
            "db_name": host.name,
            "creation_statements": list(CREATION),
            "revocation_statements": list(REVOCATION),
            "default_ttl": "5m",
            "max_ttl": "15m",
        }
        client.post(f"database/roles/{role_of(host.name)}", role)


def _as_postgres(host: LabHost, sql: str) -> None:
    """Run SQL as the superuser, as soon as the database is there; the SQL is in no argument and no message."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    psql = ["runuser", "-u", "postgres", "--", "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    while host.run(psql, check=False, input_text=sql).returncode:
        if time.monotonic() > deadline:
            raise BrokenLab(f"The database of {host.name} takes no administrator for OpenBao.")
        time.sleep(BETWEEN_LOOKS_SECONDS)
