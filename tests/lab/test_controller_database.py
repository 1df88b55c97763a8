# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL that the lab's runner could keep its state in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.lab import cgroups
from tests.lab.services import start_services, stop_service

if TYPE_CHECKING:
    from tests.lab.api import Lab

RUNNER = {"host": "127.0.0.1", "user": "breakglass", "dbname": "breakglass"}


def test_the_controller_has_a_database_for_the_runner(lab: Lab) -> None:
    """The runner may make tables in it and is no superuser; nobody else comes in; what it kept is there after a restart."""
    name = lab.place.name
    hosts = {host.name: host.address for host in lab.hosts.values()}
    found = bool(cgroups.processes(name, "controller/postgresql"))
    if not found:
        start_services(lab.place, hosts, ["postgresql"])
    try:
        with psycopg.connect(**RUNNER) as session:
            session.execute("CREATE TABLE kept (id int)")
            assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(host="127.0.0.1", user="postgres", dbname="postgres")
        stop_service(lab.place, "postgresql")
        start_services(lab.place, hosts, ["postgresql"])
        with psycopg.connect(**RUNNER) as session:
            session.execute("DROP TABLE kept")
    finally:
        if not found:
            stop_service(lab.place, "postgresql")
