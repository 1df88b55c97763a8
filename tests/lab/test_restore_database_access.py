# SPDX-License-Identifier: GPL-3.0-or-later
"""restore_database_access on a real PostgreSQL of 20 connections: through a grant, a certificate, and a database user of the run's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.lab.faults import SHOP, SHOP_SQL
from tests.lab.vault_database import role_of
from tests.lab.watching import repaired_unattended

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

    from breakglass.demo.serving import Serving

ACCESS = "lab-database"
UNIT = "postgresql@15-main"
START, ROOM, END = f"Start {UNIT}", f"Make room in {UNIT}", f"End stuck sessions in {UNIT}"
WITHIN_SECONDS = 20
CONF = "/etc/postgresql/15/main/conf.d/test.conf"
HBA = "/etc/postgresql/15/main/pg_hba.conf"
DB1 = {
    "restore_database_access_unit": UNIT,
    "restore_database_access_vault_role": role_of("db1"),
    "restore_database_access_idle_in_transaction_seconds": 1,
    "restore_database_access_query_seconds": 1,
    "restore_database_access_idle_seconds": 1,
    "restore_database_access_free_percent": 30,
    "restore_database_access_timeout": 5,
}
POOL = {"restore_database_access_pool_unit": "pgbouncer", "restore_database_access_pool_port": 6432}
STUCK = "state = 'idle in transaction' AND usename = 'shop' AND state_change < now() - interval '1 second'"
RUNAWAY = "state = 'active' AND usename = 'shop' AND query_start < now() - interval '1 second'"
SHOPS = "usename = 'shop'"
IDLE = "state = 'idle' AND usename = 'shop' AND state_change < now() - interval '1 second'"


@pytest.fixture
def db1(lab: Lab) -> Iterator[LabHost]:
    """The host of the database; whatever a test has done to it is taken back."""
    host = lab.host("db1")
    good = host.read(HBA)
    yield host
    host.run("systemctl stop lab-connections lab-idle lab-runaway lab-application pgbouncer", check=False)
    host.run(["rm", "-rf", CONF, "/run/systemd/system/pgbouncer.service.d"])
    host.write(HBA, good, 0o640)
    host.run(f"chown postgres: {HBA}; systemctl daemon-reload; systemctl reset-failed; systemctl restart {UNIT}")


def pool(host: LabHost) -> None:
    """A pgbouncer that gives each client a connection of its own."""
    database = "postgres = host=127.0.0.1 port=5432 user=shop password=shop"
    options = (
        "listen_addr = 127.0.0.1\nlisten_port = 6432\nauth_type = any\npool_mode = session\ndefault_pool_size = 17\n"
    )
    files = "logfile = /var/log/postgresql/pgbouncer.log\npidfile = /run/postgresql/pgbouncer.pid\nunix_socket_dir =\n"
    host.write("/etc/pgbouncer/pgbouncer.ini", f"[databases]\n{database}\n[pgbouncer]\n{options}{files}")
    host.run(["runuser", "-u", "postgres", "--", "psql", "-qX", "-f", "-"], input_text=SHOP_SQL)
    host.write("/run/systemd/system/pgbouncer.service.d/test.conf", "[Service]\nTimeoutStopSec=2\n")
    host.run("systemctl daemon-reload; systemctl restart pgbouncer")


def restore(lab: Lab, *, check: bool = False, **other: object) -> RoleRun:
    return lab.run_role("restore_database_access", ["db1"], {**DB1, **other}, access=ACCESS, check=check)


def sql(host: LabHost, query: str) -> str:
    return host.run(["runuser", "-u", "postgres", "--", "psql", "-XAtc", query]).stdout.strip()


def counted(host: LabHost, where: str) -> int:
    return int(sql(host, f"SELECT count(*) FROM pg_stat_activity WHERE {where}"))


def await_sessions(host: LabHost, where: str, number: int) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while counted(host, where) < number:
        assert time.monotonic() < deadline, sql(host, "SELECT usename, state, query FROM pg_stat_activity")
        time.sleep(0.2)


def application(host: LabHost, program: str) -> None:
    """Runs Python as an application that can log in as shop."""
    host.run(["runuser", "-u", "postgres", "--", "psql", "-qX", "-f", "-"], input_text=SHOP_SQL)
    host.run(
        ["systemd-run", "-q", "--unit=lab-application", "--collect", "--working-directory=/", "python3", "-c", program]
    )


def crowd(lab: Lab, host: LabHost) -> int:
    """Lets an application take every connection; tells how many that were, for what watches the database has some, too."""
    lab.break_("database-connections", host.name)
    await_sessions(host, IDLE, 14)
    deadline = time.monotonic() + WITHIN_SECONDS
    while enters(host):
        assert time.monotonic() < deadline
    return counted(host, SHOPS)


def enters(host: LabHost) -> bool:
    """Whether an ordinary user is let in."""
    shop = ["python3", "-c", f"import psycopg2; psycopg2.connect('{SHOP}')"]
    return host.run(shop, check=False).returncode == 0


def left_over(host: LabHost) -> str:
    """What a run could have left: its login in a file, its user in the database."""
    return host.run("ls /run | grep breakglass-database", check=False).stdout + sql(
        host, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'"
    )


@pytest.mark.core
def test_a_full_database_lets_clients_in_again(lab: Lab, db1: LabHost) -> None:
    """All connections are taken, Vault's too: check mode says what would end, the repair ends exactly that, a second run nothing."""
    taken = crowd(lab, db1)
    predicted = restore(lab, check=True)
    assert (predicted.code, predicted.changed("db1")) == (0, [ROOM, END]), predicted.text
    assert counted(db1, SHOPS) == taken
    repaired = restore(lab)
    assert (repaired.code, repaired.changed("db1")) == (0, [ROOM, END]), repaired.text
    assert counted(db1, SHOPS) == taken - 6  # 30 % of 17 are 6 free ones, and no session more was ended
    assert enters(db1)
    assert left_over(db1) == ""
    kept = next(body for body in repaired.bodies("task.result") if "sha256" in body)
    assert (
        db1.run("sha256sum /var/lib/breakglass/evidence/*restore_database_access*").stdout.count(str(kept["sha256"]))
        == 1
    )
    assert restore(lab).changed("db1") == []
    lab.record_run(role="restore_database_access", fault="database-connections", run=repaired)
    verified = verify_journal(repaired.journal, None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()


def test_only_what_is_stuck_is_ended_by_a_user_of_the_runs_own(lab: Lab, db1: LabHost) -> None:
    """A transaction that holds a lock and a runaway query end; an idle session of the same application stays, as connections are free."""
    for fault in ("database-idle-in-transaction", "database-runaway-query"):
        lab.break_(fault, "db1")
    application(db1, f"import psycopg2, time; s = psycopg2.connect('{SHOP}'); time.sleep(600)")
    await_sessions(db1, STUCK, 1)
    await_sessions(db1, RUNAWAY, 1)
    await_sessions(db1, IDLE, 1)
    sql(db1, "ALTER SYSTEM SET log_connections = on")
    sql(db1, "SELECT pg_reload_conf()")
    try:
        predicted = restore(lab, check=True)
        repaired = restore(lab)
    finally:
        sql(db1, "ALTER SYSTEM RESET log_connections")
    assert (repaired.code, repaired.changed("db1")) == (0, [END]), repaired.text
    assert predicted.changed("db1") == [END]
    assert (counted(db1, STUCK), counted(db1, RUNAWAY)) == (0, 0)
    assert counted(db1, IDLE) >= 1
    names = [body["username"] for body in repaired.bodies("task.result") if "username" in body]
    assert len(names) == 1
    log = db1.run("cat /var/log/postgresql/postgresql-15-main.log").stdout
    assert f"authorized: user={names[0]}" in log
    assert "canceling statement due to user request" in log
    assert restore(lab).changed("db1") == []


def test_a_query_that_does_not_let_itself_be_cancelled_loses_its_session(lab: Lab, db1: LabHost) -> None:
    """It catches the cancellation and goes on; then its session is ended."""
    again = "BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END"
    stubborn = f"DO '{again}'"
    application(db1, f"import psycopg2; psycopg2.connect('{SHOP}').cursor().execute(\"{stubborn}\")")
    await_sessions(db1, RUNAWAY, 1)
    run = restore(lab)
    assert (run.code, run.changed("db1")) == (0, [END]), run.text
    assert counted(db1, SHOPS) == 0


def test_nobody_is_ended_who_must_not_be(lab: Lab, db1: LabHost) -> None:
    """A superuser, replication, who may end sessions or make roles, and a protected role keep theirs, however stuck."""
    makes = (
        "CREATE ROLE repl LOGIN REPLICATION PASSWORD 'x'; CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'x';"
        "CREATE ROLE guard LOGIN IN ROLE pg_signal_backend PASSWORD 'x'; CREATE ROLE backup LOGIN PASSWORD 'x';"
        "CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'x';"
    )
    drops = "DROP ROLE IF EXISTS repl, maker, guard, backup, boss"
    names = "'repl', 'maker', 'guard', 'backup', 'boss'"
    db1.run(["runuser", "-u", "postgres", "--", "psql", "-qXc", makes])
    program = f"""
import psycopg2, time
sessions = [psycopg2.connect(f"dbname=postgres host=127.0.0.1 password=x user={{name}}") for name in ({names})]
for session in sessions:
    session.cursor().execute("SELECT 1")
time.sleep(600)
"""
    application(db1, program)
    untouchable = f"state = 'idle in transaction' AND usename IN ({names})"
    lab.break_("database-idle-in-transaction", "db1")
    try:
        await_sessions(db1, f"{untouchable} AND state_change < now() - interval '1 second'", 5)
        await_sessions(db1, STUCK, 1)
        run = restore(lab, restore_database_access_protected_roles=["backup"])
        assert (run.code, run.changed("db1")) == (0, [END]), run.text
        assert (counted(db1, STUCK), counted(db1, untouchable)) == (0, 5)
    finally:
        db1.run("systemctl stop lab-application")
        sql(db1, drops)


def test_a_database_that_is_down_is_started(lab: Lab, db1: LabHost) -> None:
    """And a new session of an ordinary user is the proof; no session is ended."""
    lab.break_("service-failed", "db1")
    predicted = restore(lab, check=True)
    assert db1.active(UNIT) != "active"
    repaired = restore(lab)
    assert (repaired.code, db1.active(UNIT)) == (0, "active"), repaired.text
    assert repaired.changed("db1") == predicted.changed("db1") == [START]
    assert restore(lab).changed("db1") == []


def test_a_start_that_does_not_help_is_undone(lab: Lab, db1: LabHost) -> None:
    """pg_hba.conf keeps Vault out, so nobody can be let in to prove it: the server is stopped again, as found, and one sentence says so."""
    db1.run(f"sed -i 's/^host all all 198.*/host all all 198.18.0.0\\/24 reject/' {HBA}; systemctl stop {UNIT}")
    run = restore(lab)
    assert run.code != 0
    assert run.sentence.startswith("No database user could be had of Vault: "), run.sentence
    assert run.sentence.endswith(f"; {UNIT} is stopped again, as found."), run.sentence
    assert db1.active(UNIT) == "inactive"


def test_a_start_that_lets_nobody_in_is_told(lab: Lab, db1: LabHost) -> None:
    """pg_hba.conf admits Vault and no client of the host itself: the server stays up, or Vault could not drop the user that it has made."""
    db1.run(f"sed -i 's/^host all all 127.*/host all all 127.0.0.1\\/32 reject/' {HBA}; systemctl stop {UNIT}")
    run = restore(lab, restore_database_access_timeout=2)
    assert run.code != 0
    assert (
        "A new session at 127.0.0.1:5432 was to be accepted within 2 s and was not: pg_hba.conf rejects" in run.sentence
    )
    assert run.sentence.endswith(f"{UNIT} is left running, so that Vault can drop the user of this run."), run.sentence
    assert db1.active(UNIT) == "active"
    assert left_over(db1) == ""


def test_a_server_that_does_not_start_stays_stopped(lab: Lab, db1: LabHost) -> None:
    """A configuration that it refuses: it is as found, and nothing else was tried."""
    db1.run(f"systemctl stop {UNIT}")
    db1.write(CONF, "max_connections = nonsense\n")
    run = restore(lab)
    assert run.code != 0
    assert run.sentence.startswith(f"{UNIT} could not be started: "), run.sentence
    assert db1.active(UNIT) in ("inactive", "failed")


def test_what_is_wrong_with_the_configuration_is_told_and_not_touched(lab: Lab, db1: LabHost) -> None:
    """A line of pg_hba.conf and a setting that PostgreSQL does not take, while it runs with the old ones."""
    db1.run(f"echo 'host nonsense' >> {HBA}")
    db1.write(CONF, "work_mem = nonsense\n")
    before = db1.run(f"sha256sum {HBA} {CONF}").stdout
    run = restore(lab)
    assert (run.code, run.changed("db1")) == (0, [])
    assert "pg_hba.conf has an error in line 6" in run.text
    assert "The configuration files set work_mem to what PostgreSQL does not take." in run.text
    assert db1.run(f"sha256sum {HBA} {CONF}").stdout == before


def test_an_address_that_nobody_listens_at_is_told(lab: Lab, db1: LabHost) -> None:
    """It listens on the loopback address alone: that is no matter of sessions."""
    db1.write(CONF, "listen_addresses = '127.0.0.1'\n")
    db1.run(f"mv {CONF} {CONF.replace('test', 'zz-test')}; systemctl restart {UNIT}")
    try:
        run = restore(lab, restore_database_access_address=db1.address)
    finally:
        db1.run(f"rm {CONF.replace('test', 'zz-test')}")
    assert f"{UNIT} runs and does not answer at {db1.address}:5432; it listens at 127.0.0.1: " in run.sentence
    assert run.changed("db1") == []


def test_a_server_that_hangs_is_told(lab: Lab, db1: LabHost) -> None:
    """It runs and answers nobody: it is not restarted by this role."""
    lab.break_("service-hung", "db1")
    try:
        run = restore(lab)
    finally:
        lab.mend("service-hung", "db1")
    assert run.sentence.startswith(f"{UNIT} runs and does not answer ("), run.sentence
    assert run.changed("db1") == []


def test_sessions_that_may_not_be_ended_are_named(lab: Lab, db1: LabHost) -> None:
    """All connections belong to a protected role: nothing is ended, and the sentence says who holds them."""
    taken = crowd(lab, db1)
    run = restore(lab, restore_database_access_protected_roles=["shop"])
    assert run.sentence.startswith("17 of 17 connections for ordinary users are taken ("), run.sentence
    assert f"most by: shop {taken}" in run.sentence
    assert (run.changed("db1"), counted(db1, SHOPS)) == ([], taken)


def test_an_application_that_takes_every_connection_again_is_named(lab: Lab, db1: LabHost) -> None:
    """What was freed is taken at once: the role fails, says who, and how many sessions it has ended."""
    storm = f"""
import psycopg2, time
sessions = []
while True:
    try:
        sessions.append(psycopg2.connect("{SHOP}"))
    except psycopg2.OperationalError:
        time.sleep(0.01)
"""
    application(db1, storm)
    await_sessions(db1, SHOPS, 14)
    run = restore(lab, restore_database_access_timeout=2)
    assert run.code != 0
    assert "sessions were ended, which nothing can bring back." in run.sentence
    assert left_over(db1) == ""


def test_a_pool_that_is_down_or_hangs_is_restarted(lab: Lab, db1: LabHost) -> None:
    """And nothing else; a stopped one and one that stands still are the same to clients."""
    pool(db1)
    for fault in ("systemctl stop pgbouncer", "systemctl kill --signal=STOP pgbouncer"):
        db1.run(fault)
        predicted = restore(lab, check=True, **POOL)
        repaired = restore(lab, **POOL)
        assert (repaired.code, repaired.changed("db1")) == (0, ["Restart pgbouncer"]), repaired.text
        assert predicted.changed("db1") == ["Restart pgbouncer"]
        assert db1.run(f"python3 -c \"import psycopg2; psycopg2.connect('{SHOP} port=6432')\"").returncode == 0
    assert restore(lab, **POOL).changed("db1") == []


def test_a_pool_that_does_not_start_stays_stopped(lab: Lab, db1: LabHost) -> None:
    """Its configuration is no good: it is stopped, as found, and one sentence says so; the database is not touched."""
    pool(db1)
    db1.run("systemctl stop pgbouncer; echo nonsense > /etc/pgbouncer/pgbouncer.ini")
    run = restore(lab, **POOL)
    assert run.code != 0
    assert run.sentence.startswith("pgbouncer could not be restarted: "), run.sentence
    assert run.sentence.endswith("; pgbouncer is stopped again, as found."), run.sentence
    assert db1.active("pgbouncer") in ("inactive", "failed")
    assert db1.active(UNIT) == "active"


def test_a_pool_that_holds_every_connection_gives_them_back(lab: Lab, db1: LabHost) -> None:
    """None of its sessions is over a limit, so nobody is ended: the restart of the pool is all."""
    pool(db1)
    clients = f"""
import psycopg2, time
sessions = [psycopg2.connect("{SHOP} port=6432") for _ in range(17)]
for session in sessions:
    session.autocommit = True
    session.cursor().execute("SELECT 1")
time.sleep(600)
"""
    application(db1, clients)
    await_sessions(db1, SHOPS, 14)
    given = {**POOL, "restore_database_access_idle_seconds": 3600}
    predicted = restore(lab, check=True, **given)
    repaired = restore(lab, **given)
    assert (repaired.code, repaired.changed("db1")) == (0, ["Restart pgbouncer"]), repaired.text
    assert predicted.changed("db1") == ["Restart pgbouncer"]
    assert enters(db1)


def test_no_password_is_told_or_shown(lab: Lab, db1: LabHost) -> None:
    """Neither output and journal at -vvvv nor the arguments and environments of processes on the host hold the user's password."""
    watch = """
import pathlib, re, time
seen = set()
while True:
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            seen.add(path.joinpath("cmdline").read_bytes() + path.joinpath("environ").read_bytes())
        except OSError:
            pass
    for path in pathlib.Path("/run").glob("breakglass-database-*/pgpass"):
        pathlib.Path("/root/kept").write_bytes(path.read_bytes())
        pathlib.Path("/root/mode").write_text(oct(path.stat().st_mode) + path.owner())
    pathlib.Path("/root/seen").write_bytes(b"".join(seen))
    time.sleep(0.02)
"""
    db1.run(["systemd-run", "-q", "--unit=lab-watch", "--collect", "python3", "-c", watch])
    lab.break_("database-idle-in-transaction", "db1")
    await_sessions(db1, STUCK, 1)
    try:
        run = lab.run_role(
            "restore_database_access",
            ["db1"],
            DB1,
            access=ACCESS,
            diff=True,
            extra_environment={"ANSIBLE_VERBOSITY": "4"},
        )
    finally:
        db1.run("systemctl stop lab-watch")
    assert run.code == 0, run.text
    password = db1.read("/root/kept").strip().rpartition(":")[2]
    journal = "".join(path.read_text(encoding="utf-8") for path in run.journal.rglob("*.jsonl"))
    assert len(password) > 15
    assert password not in run.text + journal
    assert db1.run(["grep", "-c", "-a", "psql", "/root/seen"]).stdout.strip() != "0"
    assert (
        db1.run(["grep", "-c", "-a", "-F", "-f", "-", "/root/seen"], input_text=password, check=False).stdout.strip()
        == "0"
    )
    assert db1.read("/root/mode") == "0o100600root"
    db1.run("rm /root/kept /root/mode /root/seen")


def test_a_database_without_connections_is_repaired_unattended(watched: Lab, runner: Serving) -> None:
    """An application takes all: Prometheus, Alertmanager, grant, certificate, database user, sessions ended, resolved, closed; nobody is told."""
    assert runner.pid
    db1 = watched.host("db1")
    events = repaired_unattended(watched, "database-connections", "db1", proof=lambda: enters(db1))
    assert "credential.obtained" in {event.kind for event in events}
    assert left_over(db1) == ""
