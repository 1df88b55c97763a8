# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL sink against a real PostgreSQL."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks.postgresql import TABLE
from tests.support.postgresql import DATABASE, LOOPBACK, own_postgresql
from tests.support.receivers.journal import ShippedJournal, hostile_bodies
from tests.support.receivers.shipping import courier, drain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgresql import PostgreSQL

__all__ = ["own_postgresql"]
PASSWORD = "only-inserts"


def options(server: PostgreSQL, tmp_path: Path) -> dict[str, object]:
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text(PASSWORD)
    return {
        "kind": "postgresql",
        "address": f"{LOOPBACK}:{server.port}",
        "database": DATABASE,
        "user": "shipper",
        "password_file": str(password),
        "tls": "disable",
    }


def kept(server: PostgreSQL) -> dict[str, dict[str, object]]:
    lines = server.sql(
        "SELECT id, replace(encode(convert_to(line, 'UTF8'), 'base64'), E'\\n', '') FROM breakglass_journal"
    )
    return {row[0]: json.loads(base64.b64decode(row[1])) for row in lines}


def test_every_record_is_a_row(own_postgresql: PostgreSQL, tmp_path: Path) -> None:
    """Each record is one row, hostile texts too, although the server was killed in between and everything came twice."""
    server = own_postgresql
    journal = ShippedJournal(tmp_path / "journal")
    journal.write("01", [*hostile_bodies(), {"text": "a\0b"}, {"text": "\\u0000"}])
    given = options(server, tmp_path)
    with courier(journal, given) as one:
        assert one.step()  # no such login
        server.sql(f"CREATE ROLE shipper LOGIN PASSWORD '{PASSWORD}'")
        assert one.step()  # no such table
        server.sql(TABLE.format(table="breakglass_journal"))
        assert one.step()  # no right to insert
        assert "42501" in one.trouble
        server.sql("GRANT INSERT ON breakglass_journal TO shipper")
        drain(one)
        server.stop()
        journal.run("02", 20)
        assert one.step()
        server.start()
        drain(one)
    (journal.directory / ".ship" / "siem.json").unlink()
    with courier(journal, given) as again:
        drain(again)
        assert again.cursor.shipped == len(journal.ids()) + 2
    assert journal.letters() == []
    rows = kept(server)
    assert {str(record["id"]): record for record in journal.records()}.items() <= rows.items()
    assert len(rows) == len(journal.ids()) + 2
    assert server.sql("SELECT count(*) FROM breakglass_journal WHERE body->>'text' = E'a\\uFFFDb'")[0][0] == "1"
