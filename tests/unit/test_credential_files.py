# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and variables of a person's credentials."""

from __future__ import annotations

from breakglass.credential_files import name_of, variables

DIRECTORY = "/run/user/1000/breakglass/run-x/credentials"


def test_variables_name_files_and_hold_no_secret() -> None:
    """Libpq's own name the files of the one database user, and its service, so that psql needs no word about it."""
    one = variables(DIRECTORY, [("ssh", "id"), ("ssh", "id-cert.pub"), ("shop", "pgpass"), ("shop", "pg_service.conf")])
    assert one == {
        "BREAKGLASS_SSH_ID": f"{DIRECTORY}/ssh/id",
        "BREAKGLASS_SSH_ID_CERT_PUB": f"{DIRECTORY}/ssh/id-cert.pub",
        "BREAKGLASS_SHOP_PGPASS": f"{DIRECTORY}/shop/pgpass",
        "BREAKGLASS_SHOP_PG_SERVICE_CONF": f"{DIRECTORY}/shop/pg_service.conf",
        "PGPASSFILE": f"{DIRECTORY}/shop/pgpass",
        "PGSERVICEFILE": f"{DIRECTORY}/shop/pg_service.conf",
        "PGSERVICE": "breakglass",
    }
    both = variables(DIRECTORY, [(name, file) for name in "ab" for file in ("pgpass", "pg_service.conf")])
    assert [name for name in both if name.startswith("PG")] == []


def test_a_name_is_that_of_a_directory() -> None:
    """The last word of a path, in small letters, with a number where it is taken; never `ssh`."""
    assert name_of("shop/API key", "secret", ()) == "api-key"
    assert name_of("shop/api-key", "secret", ("api-key",)) == "api-key-2"
    assert name_of("ssh", "database", ()) == "ssh-2"
    assert name_of("", "secret", ()) == "secret"
