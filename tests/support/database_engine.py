# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenBao's database engine in front of a PostgreSQL of a test, set up as our guide tells admins to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from tests.support.postgresql import SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.postgresql import PostgreSQL
    from tests.support.site import Site

MOUNT: Final = "database"
CREATION: Final = (
    """CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';""",
    """GRANT USAGE, CREATE ON SCHEMA public TO "{{name}}";""",
)
# Vault does these in one transaction, whose NOLOGIN nobody else would see before its end: who logged in meanwhile stayed,
# as `proven gone`, in 15 of 15 trials with a client that never stops logging in. Hence the COMMIT. Each part does nothing
# when the user is gone already: Vault repeats a revocation whose answer it did not hear.
REVOCATION: Final = (
    """DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{{name}}') THEN
    ALTER ROLE "{{name}}" NOLOGIN;
  END IF;
END $$;""",
    "COMMIT;",
    """DO $$ DECLARE
  who oid := (SELECT oid FROM pg_roles WHERE rolname = '{{name}}');
  logins text[] := ARRAY(SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'virtualxid' AND pid NOT IN (SELECT pid FROM pg_stat_activity));
BEGIN
  IF who IS NULL THEN RETURN; END IF;
  -- A login that passed before the NOLOGIN is in a transaction, and shows its user only at the end of that. The limit is
  -- for those that keep us waiting before they have shown their password: they will find the NOLOGIN.
  FOR attempt IN 1..100 LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND virtualtransaction = ANY (logins)
      AND pid NOT IN (SELECT pid FROM pg_stat_activity));
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM pg_stat_clear_snapshot();
  PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usesysid = who;
  PERFORM pg_stat_clear_snapshot();
  IF EXISTS (SELECT FROM pg_stat_activity WHERE usesysid = who) THEN
    RAISE EXCEPTION 'a session of {{name}} does not end';
  END IF;
  REASSIGN OWNED BY "{{name}}" TO CURRENT_USER;
  DROP OWNED BY "{{name}}";
  DROP ROLE "{{name}}";
END $$;""",
)


def prepare_database(admin: Client, postgresql: PostgreSQL, role: str) -> str:
    """Enable the engine `database/` (when it is not there), with a connection and a role, both called `role`.

    Args:
        admin: A client with an admin's rights.
        postgresql: A server that runs.
        role: The role's name.

    Returns:
        The path where a user is read, `database/creds/ROLE`.

    Raises:
        VaultError: OpenBao refuses, as when it can't log in to PostgreSQL.
    """
    if f"{MOUNT}/" not in section(admin.get("sys/mounts"), "data"):
        admin.post(f"sys/mounts/{MOUNT}", {"type": "database"})
    connection = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": postgresql.connection_url(),
        "username": SUPERUSER,
        "password": postgresql.password,
        "allowed_roles": [role],
        "verify_connection": True,
    }
    admin.post(f"{MOUNT}/config/{role}", connection)
    user = {
        "db_name": role,
        "creation_statements": CREATION,
        "revocation_statements": REVOCATION,
        "default_ttl": "5m",
        "max_ttl": "15m",
    }
    admin.post(f"{MOUNT}/roles/{role}", user)
    return f"{MOUNT}/creds/{role}"


def opening_database(postgresql: PostgreSQL, role: str) -> Callable[[Site, Client], str]:
    """For `session_office(also=…)`: the access opens a user of this role, too."""

    def also(_site: Site, admin: Client) -> str:
        prepare_database(admin, postgresql, role)
        return f"{{kind: database, role: {role}}}"

    return also
