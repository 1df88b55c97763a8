# SPDX-License-Identifier: GPL-3.0-or-later
"""How the module speaks with psql: no password in arguments or environment, and what was said as a clause."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.breakglass.remediation.plugins.modules.database_sessions import NoSession, Server, clause

GIVEN: dict[str, Any] = {
    "account": "postgres",
    "passfile": "/run/x/pgpass",
    "user": "v-1",
    "address": "127.0.0.1",
    "port": 5432,
    "database": "postgres",
    "protected_roles": ["a'b"],
    "idle_in_transaction_seconds": 1,
    "query_seconds": 2,
    "idle_seconds": 3,
}


def _asked(answer: tuple[int, str, str], *, as_user: bool) -> tuple[Any, list[str], dict[str, Any]]:
    seen: list[tuple[list[str], dict[str, Any]]] = []

    def run(words: list[str], **given: Any) -> tuple[int, str, str]:
        seen.append((words, given))
        return answer

    said = Server(run, GIVEN).ask("SELECT 1;", as_user=as_user)
    return said, *seen[0]


def test_the_user_comes_in_by_a_password_file() -> None:
    """Its path is in the environment, nothing else; limits go as JSON, quoted by psql itself."""
    said, words, given = _asked((0, 'noise\n{"a": 1}\n', ""), as_user=True)
    assert said == {"a": 1}
    assert given["environ_update"]["PGPASSFILE"] == "/run/x/pgpass"
    assert {"--username=v-1", "--host=127.0.0.1", "--no-password"} <= set(words)
    assert '--set=wish={"idle_in_transaction": 1, "query": 2, "idle": 3, "protected": ["a\'b"]}' in words
    assert "runuser" not in words


def test_the_superuser_comes_in_by_the_local_socket() -> None:
    """As its account, without a host, a user or a password file."""
    _, words, given = _asked((0, "{}", ""), as_user=False)
    assert words[3:7] == ["runuser", "-u", "postgres", "--"]
    assert "PGPASSFILE" not in given["environ_update"]
    assert not [word for word in words if word.startswith(("--host", "--username"))]


def test_a_refusal_is_an_error_with_its_reason() -> None:
    """The program's own words about program and server are left out."""
    with pytest.raises(NoSession, match=r"^sorry, too many clients already$"):
        _asked(
            (2, "", 'psql: error: connection to server at "::1" failed: FATAL:  sorry, too many clients already'),
            as_user=True,
        )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "psql failed and said nothing"),
        (
            "psql:<stdin>:1: ERROR:  permission denied for view pg_hba_file_rules",
            "permission denied for view pg_hba_file_rules",
        ),
        (
            "psql: error: connection to server on socket failed: Connection refused\n\tIs it running?",
            "Connection refused",
        ),
        ("x" * 1000, "x" * 300),
    ],
)
def test_what_psql_says_becomes_a_clause(said: str, reason: str) -> None:
    """Short, without a full stop."""
    assert clause(said) == reason
