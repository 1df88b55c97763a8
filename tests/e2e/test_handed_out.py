# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass with` and `credential` on a person's own machine: real SSH, a real PostgreSQL; given back however it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect
import pytest
from tests.support.database_engine import opening_database
from tests.support.postgresql import PostgreSQL, programs_or_skip
from tests.support.revoked_certificates import is_listed
from tests.support.session_site import processes_with, session_office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.office import Member, Office

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 40
POLICY = """
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: automatic, time_box: 10m, escalation: on-call}
"""
WORDS = ("web-operator", "--host", "web1", "--reason", "locks on orders")
LOOK = """
ssh -F "$BREAKGLASS_SSH_CONFIG" web1 'echo on-the-host-$((40 + 2))' &&
PGSERVICE=breakglass {psql} -h 127.0.0.1 -p {port} -d postgres -Atc "select 'as ' || current_user" &&
env | grep -c -f "$BREAKGLASS_SHOP_PGPASS"
stat -c %a "$BREAKGLASS_CREDENTIALS" "$BREAKGLASS_SSH_ID"; echo "$BREAKGLASS_CREDENTIALS"; exit 7
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A PostgreSQL."""
    with PostgreSQL(tmp_path_factory.mktemp("postgresql"), programs_or_skip()) as made:
        yield made


@pytest.fixture(scope="module")
def office(database: PostgreSQL) -> Iterator[Office]:
    """One runner for all; its access opens a host and a database."""
    with (
        session_office(POLICY, opening_database(database, "shop"), hand_out=True) as (made, _host),
        pytest.MonkeyPatch.context() as patch,
    ):
        (made.site.scratch / "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(made.site.scratch / "run"))
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks, logged in."""
    made = office.hire("ada", "web-team", factor=False)
    office.log_in(made)
    return made


def started(office: Office, who: Member, *words: str) -> subprocess.Popen[str]:
    """`breakglass …` of theirs that goes on."""
    environment = mine(office, who)
    command = [sys.executable, "-m", "breakglass.cli.main", *words]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def mine(office: Office, who: Member) -> dict[str, str]:
    """Their environment."""
    ours = ("VAULT_", "BAO_", "BREAKGLASS_", "XDG_STATE_HOME")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**environment, "HOME": str(office.site.scratch / f"home-{who.name}")}


def newest(office: Office) -> str:
    """The incident that was opened last."""
    return max(office.site.place.journal.glob("*/*/*/INC-*"), key=lambda path: path.stat().st_mtime).name


def runs_of(office: Office) -> list[Path]:
    """Directories with credentials on their machine."""
    return list((office.site.scratch / "run" / "breakglass").glob("run-*"))


def wait_until(truth: Callable[[], bool]) -> None:
    """Wait for it."""
    until = time.monotonic() + LIMIT_SECONDS
    while not truth():
        assert time.monotonic() < until
        time.sleep(0.1)


def assert_given_back(office: Office, database: PostgreSQL, incident: str) -> None:
    """Grant and database user are gone, proven; nothing lies about."""
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "returned"
    wait_until(lambda: runs_of(office) == [])
    assert database.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'") == [("0",)]


def test_a_command_uses_host_and_database_and_leaves_nothing(office: Office, ada: Member, database: PostgreSQL) -> None:
    """Its files are named by variables and hold the secrets, which the environment does not; its exit status is passed on."""
    look = LOOK.format(psql=programs_or_skip() / "psql", port=database.port)
    done = office.run(ada, "with", *WORDS, "--", "sh", "-c", look)
    assert done.returncode == 7, done.stderr
    first, second, found, *modes, directory = done.stdout.splitlines()
    assert (first, second.startswith("as v-"), found, modes) == ("on-the-host-42", True, "0", ["700", "600"])
    assert "This is not a recorded session." in done.stderr
    user = second.removeprefix("as ")
    assert done.stderr.splitlines()[-1] == f"Grant revoked, proven. Database user {user} dropped."
    assert not os.path.exists(directory)  # noqa: PTH110 (a text of the command's)
    incident = newest(office)
    assert_given_back(office, database, incident)
    handed = office.site.wait_for(incident, "grant.handed_out")[0].body
    assert (handed["by"], handed["recorded_session"]) == ("ada", False)
    assert office.site.verify().exit_code == 0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_given_back_when_it_is_killed(
    office: Office, ada: Member, database: PostgreSQL, end: signal.Signals
) -> None:
    """By a watcher, which ends the command first and what that has started."""
    word = f"721{end.value:02}"
    process = started(office, ada, "with", *WORDS, "--", "sh", "-c", f"setsid sleep {word} & sleep {word}")
    wait_until(lambda: len(processes_with(word)) > 1)
    incident = newest(office)
    os.kill(process.pid, end)
    process.communicate(timeout=LIMIT_SECONDS)
    wait_until(lambda: processes_with(word) == [])
    assert_given_back(office, database, incident)


def test_ctrl_c_reaches_the_command_which_decides(office: Office, ada: Member, database: PostgreSQL) -> None:
    """At a real terminal: the command says goodbye, then all is given back."""
    work = "trap 'echo bye-$((40 + 2)); exit 5' INT; echo ready-$((40 + 2)); while :; do sleep 0.1; done"
    command = ["-m", "breakglass.cli.main", "with", *WORDS, "--", "sh", "-c", work]
    person = pexpect.spawn(sys.executable, command, env=mine(office, ada), timeout=LIMIT_SECONDS)
    person.expect_exact("ready-42")
    person.sendintr()
    person.expect_exact("bye-42")
    person.expect_exact("Grant revoked, proven.")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 5
    assert_given_back(office, database, newest(office))


def test_the_end_of_the_time_box_ends_the_command(office: Office, ada: Member, database: PostgreSQL) -> None:
    """With a sentence, and the status of a command that was told to end."""
    done = office.run(ada, "with", *WORDS, "--time-box", "15s", "--", "sleep", "72300")
    assert (done.returncode, "the time box is over; the command is ended" in done.stderr) == (143, True), done.stderr
    assert processes_with("72300") == []
    assert_given_back(office, database, newest(office))


def test_a_command_that_is_not_there(office: Office, ada: Member, database: PostgreSQL) -> None:
    """Is told, and everything is given back."""
    done = office.run(ada, "with", *WORDS, "--", "no-such-program")
    assert (done.returncode, "no-such-program can't be started" in done.stderr) == (1, True), done.stderr
    assert_given_back(office, database, newest(office))


def test_one_credential_as_json_until_it_is_given_back(office: Office, ada: Member, database: PostgreSQL) -> None:
    """Printed, or in a file for her alone that was not there before; never on a terminal unless she says so."""
    done = office.run(ada, "credential", "shop", "--access", *WORDS, "--form", "plain")
    shown = json.loads(done.stdout)
    user, password = shown["files"]["username"], shown["files"]["password"]
    assert database.sql_as(user, password, "SELECT 1") == [("1",)]
    assert (runs_of(office), password in done.stderr) == ([], False)
    assert office.run(ada, "release", shown["request"]).returncode == 0
    assert_given_back(office, database, shown["request"])
    file = office.site.scratch / "credential.json"
    words = ("credential", "ssh", "--access", *WORDS, "--output", str(file))
    assert office.run(ada, *words).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = json.loads(file.read_text(encoding="utf-8"))
    assert "OPENSSH PRIVATE KEY" in made["files"]["id"]
    certificate = office.site.scratch / "id-cert.pub"
    certificate.write_text(made["files"]["id-cert.pub"], encoding="utf-8")
    assert not is_listed(certificate, office.runner.url)
    file.unlink()
    taken = office.run(ada, *words)
    assert (taken.returncode, f"breakglass release {made['request']}" in taken.stderr) == (1, True), taken.stderr
    assert office.run(ada, "release", made["request"]).returncode == 0
    assert_given_back(office, database, made["request"])
    wait_until(lambda: is_listed(certificate, office.runner.url))  # a copy that somebody kept
    file.touch()
    again = office.run(ada, *words)
    assert (again.returncode, "is there already" in again.stderr) == (1, True), again.stderr
    assert newest(office) == made["request"]
    office.run(ada, *words[:-1], str(file / "below-a-file"))
    assert_given_back(office, database, newest(office))
    wrong = office.run(ada, "credential", "till", "--access", *WORDS)
    assert (wrong.returncode, "it has: ssh, shop" in wrong.stderr) == (1, True), wrong.stderr
    command = ["-m", "breakglass.cli.main", "credential", "shop", "--access", *WORDS]
    person = pexpect.spawn(sys.executable, command, env=mine(office, ada), timeout=LIMIT_SECONDS)
    person.expect_exact("A terminal keeps what it shows.")
    person.expect(pexpect.EOF)


def test_what_the_policy_does_not_hand_out() -> None:
    """Is refused with a sentence that says how to go on; nothing was opened."""
    with session_office(POLICY) as (office, _host):
        ada = office.hire("ada", "web-team", factor=False)
        office.log_in(ada)
        refused = office.run(ada, "with", *WORDS, "--", "true")
        assert (refused.returncode, "use breakglass ssh" in refused.stderr) == (1, True), refused.stderr
        assert list(office.site.place.journal.glob("*/*/*/INC-*")) == []
