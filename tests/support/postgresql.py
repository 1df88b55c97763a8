# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL for tests: one of one's own, on a loopback port, gone with its directory.

Its programs come from the wheel `pgserver` (only its files are used, never its code) or from Debian's package.
PostgreSQL refuses to run as root, so root starts it as nobody, who may still pass through the directories of root.
"""

from __future__ import annotations

import csv
import io
import os
import secrets
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest
from tests.support.database_session import DatabaseSession

from breakglass.demo.parts import free_port
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

SUPERUSER: Final = "postgres"
DATABASE: Final = "postgres"
LOOPBACK: Final = "127.0.0.1"
DEBIAN: Final = Path("/usr/lib/postgresql")
NOBODY: Final = 65534
READY_WITHIN_SECONDS: Final = 30
ANSWER_WITHIN_SECONDS: Final = 20
BETWEEN_LOOKS_SECONDS: Final = 0.02
# Ends at once and without a flush when the thread that started it ends, and takes its shared memory along.
DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "QUIT")
AS_NOBODY: Final = (
    *("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),  # the directories of pytest are root's alone
)
SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",  # what is committed outlives a kill of the server, though not of the machine
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "log_connections": "on",
}


class UnstartedPostgreSQL(BreakglassError):
    """Raised when a PostgreSQL of a test does not come up."""


class RefusedStatement(BreakglassError):
    """Raised when PostgreSQL refuses what a test asks for, or is not there to be asked."""


class PostgreSQL:
    """One server: `start` and `stop` may be called again and again, also by its `with` block; what is in it stays.

    It ends with the *thread* that started it, so start it from the main thread.

    Attributes:
        port: Its port on the loopback address, the same over restarts.
        password: The superuser's password.
    """

    def __init__(self, directory: Path, programs: Path, settings: Mapping[str, str] = SETTINGS) -> None:
        """Choose an empty or new directory, where initdb, postgres and psql are, and how it is set; nothing is started."""
        self._settings = settings
        self.port = free_port()
        self.password = secrets.token_urlsafe(24)
        self._programs = programs
        self._directory = directory
        self._cluster = directory / "cluster"
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        """Tell address and process, not the password."""
        return f"PostgreSQL({LOOPBACK}:{self.port}, pid {self.pid})"

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._directory / "postgresql.log"

    def start(self) -> None:
        """Start it, after making it the first time, and wait until it answers.

        Raises:
            UnstartedPostgreSQL: It ended at once or did not get ready; with the end of its log.
        """
        if not self._cluster.exists():
            self._make()
        options = [option for name, value in self._settings.items() for option in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self._cluster), "-p", str(self.port), *options),
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End it at once, and every session with it; one that does not run is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(ANSWER_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop it at once and start it again, on the same port."""
        self.stop()
        self.start()

    def sql(self, text: str) -> list[tuple[str, ...]]:
        """Do SQL as the superuser, in one transaction, and return the rows as text.

        Raises:
            RefusedStatement: It was refused, or the server is not there.
        """
        return self.sql_as(SUPERUSER, self.password, text)

    def sql_as(self, user: str, password: str, text: str) -> list[tuple[str, ...]]:
        """Do SQL as any user, through a psql of its own. Raises RefusedStatement, also when the login is refused."""
        done = subprocess.run(
            [*self._client(user), "--csv", "--single-transaction", "-c", text],
            cwd="/",
            env=_environment() | {"PGPASSWORD": password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RefusedStatement(done.stderr.strip())
        return [tuple(row) for row in csv.reader(io.StringIO(done.stdout))]

    def dump(self) -> str:
        """Everything that is in the database, as SQL, by pg_dump, while it works."""
        program = [
            str(self._programs / "pg_dump"),
            "-h",
            LOOPBACK,
            "-p",
            str(self.port),
            "-U",
            SUPERUSER,
            "-d",
            DATABASE,
            "-w",
        ]
        done = subprocess.run(
            program,
            cwd="/",
            env=_environment() | {"PGPASSWORD": self.password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN_SECONDS,
            check=True,
        )
        return done.stdout

    def replace_all(self, dump: str = "") -> None:
        """Make the database empty, and put a dump into it."""
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        subprocess.run(
            self._client(SUPERUSER),
            cwd="/",
            env=_environment() | {"PGPASSWORD": self.password},
            input=dump,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN_SECONDS,
            check=True,
        )

    def exists(self, role: str) -> bool:
        """Tell whether there is such a user or group."""
        return role in {name for (name,) in self.sql("SELECT rolname FROM pg_roles")}

    def sessions_of(self, user: str) -> int:
        """Count the open sessions of a user."""
        names = [name for (name,) in self.sql("SELECT usename FROM pg_stat_activity WHERE usename IS NOT NULL")]
        return names.count(user)

    def connect_as(self, user: str, password: str) -> DatabaseSession:
        """Log in and keep the session open, to be used in a `with` block. Raises EndedSession when it is refused."""
        return DatabaseSession(self._client(user), _environment() | {"PGPASSWORD": password}, ANSWER_WITHIN_SECONDS)

    def connection_url(self) -> str:
        """Where OpenBao finds it, with its own placeholders for the superuser's name and password."""
        return f"postgresql://{{{{username}}}}:{{{{password}}}}@{LOOPBACK}:{self.port}/{DATABASE}?sslmode=disable"

    def _make(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cluster.mkdir(mode=0o700)
        password = self._directory / "password"
        password.touch(mode=0o600)
        password.write_text(self.password + "\n", encoding="ascii")
        if os.geteuid() == 0:
            os.chown(self._cluster, NOBODY, NOBODY)
        options = ("--no-sync", "--no-locale", "-E", "UTF8", "-A", "scram-sha-256", "-U", SUPERUSER)
        made = subprocess.run(
            self._command("initdb", "-D", str(self._cluster), "--pwfile", str(password), *options),
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_WITHIN_SECONDS,
            check=False,
        )
        password.unlink()
        if made.returncode:
            raise UnstartedPostgreSQL(f"initdb failed: {made.stderr.strip()}")

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + READY_WITHIN_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < limit:
            try:
                self.sql("SELECT 1")
            except RefusedStatement:
                time.sleep(BETWEEN_LOOKS_SECONDS)
            else:
                return
        self.stop()
        end = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        raise UnstartedPostgreSQL(f"PostgreSQL did not start; the end of {self.log} says:\n{end}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        user = AS_NOBODY if os.geteuid() == 0 else ()
        return [*DIES_WITH_US, *user, str(self._programs / program), *arguments]

    def _client(self, user: str) -> list[str]:
        program = [str(self._programs / "psql"), "-X", "-q", "-t", "-w", "-v", "ON_ERROR_STOP=1"]
        return [*program, "-h", LOOPBACK, "-p", str(self.port), "-U", user, "-d", DATABASE]


def programs() -> Path | None:
    """Find a PostgreSQL: the wheel's, else Debian's newest; None when there is none."""
    wheel = find_spec("pgserver")
    places = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    places += sorted(DEBIAN.glob("*/bin"), key=lambda place: float(place.parent.name), reverse=True)
    return next((place for place in places if all((place / one).is_file() for one in ("initdb", "postgres"))), None)


def programs_or_skip() -> Path:
    """Find a PostgreSQL, or skip the test, and say so; where everything must run (CI), fail it."""
    found = programs()
    if found is None:
        missing = "There is no PostgreSQL: neither the wheel pgserver nor Debian's package postgresql is installed."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C", "PSQLRC": os.devnull}


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """Run one server for all tests of the session; leave it running."""
    with PostgreSQL(tmp_path_factory.mktemp("postgresql"), programs_or_skip()) as server:
        yield server


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[PostgreSQL]:
    """Run a server for one test only, which may stop it."""
    with PostgreSQL(tmp_path / "postgresql", programs_or_skip()) as server:
        yield server
