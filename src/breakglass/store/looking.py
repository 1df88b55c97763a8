# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the runner's database without changing anything: nothing is made, brought up to date, or locked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from breakglass.errors import BreakglassError
from breakglass.store import holds, senders
from breakglass.store.database import Database, DatabaseUnavailable, newest_revision, revision_of
from breakglass.store.runners import alive
from breakglass.store.sqlite import BUSY_MILLISECONDS
from breakglass.store.tables import INCIDENT, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from breakglass.domain.holds import Hold
    from breakglass.domain.senders import Sender

LOCKS = Path("/proc/locks")


class UnknownHolder(BreakglassError):
    """Raised when the system does not tell who holds a lock."""


@dataclass(frozen=True)
class Looked:
    """What a database holds; of one whose schema is not that of this version only which schema it is.

    Attributes:
        revision: Of its schema; empty when it has none of ours.
        newest: The revision that this version of the runner brings it to.
        is_empty: Whether nothing at all is in it.
        open_incidents: How many are not closed.
        senders: Who was heard.
        holds: Those that stand, oldest first.
        runners: Names of the runners that were seen a moment ago.
    """

    revision: str
    newest: str
    is_empty: bool = False
    open_incidents: int = 0
    senders: Mapping[str, Sender] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    runners: Sequence[str] = ()

    @property
    def is_current(self) -> bool:
        """Whether its schema is that of this version."""
        return self.revision == self.newest

    @property
    def is_newer(self) -> bool:
        """Whether a later version has made it, which this one can't work with: revisions are numbers of four digits."""
        return self.revision > self.newest


def file_of(url: str) -> Path | None:
    """The file of an SQLite database; None for one that is on a server."""
    return Path(sa.make_url(url).database or "") if url.startswith("sqlite:") else None


def look_at(url: str, password_file: Path | None = None) -> Looked:
    """Read what doctor tells of a database.

    Raises:
        DatabaseUnavailable: It can't be read, or is no database.
    """
    with reading(url, password_file) as connection:
        revision, newest = revision_of(connection), newest_revision()
        if revision != newest:
            return Looked(revision, newest, is_empty=not sa.inspect(connection).get_table_names())
        count = sa.select(sa.func.count()).select_from(INCIDENT).where(INCIDENT.c.state != "closed")
        names = sa.select(RUNNER.c.name).where(alive()).order_by(RUNNER.c.name)
        return Looked(
            revision,
            newest,
            open_incidents=connection.execute(count).scalar_one(),
            senders=senders.known(connection),
            holds=holds.standing_in(connection),
            runners=connection.execute(names).scalars().all(),
        )


def holder_of(path: Path, locks: Path = LOCKS) -> int | None:
    """The process id of the runner that has an SQLite database; 0 for one that can't be seen from here, None for nobody.

    The system's list of locks is read, since trying to take the lock could get in the way of a runner that starts.

    Raises:
        UnknownHolder: There is no such list.
    """
    try:
        status = path.with_name(path.name + ".lock").stat()
    except OSError:
        return None
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        lines = [line.split() for line in locks.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise UnknownHolder(f"{locks} can't be read, so nobody can tell whether a runner has {path}.") from None
    for _, kind, _, access, pid, file, *_ in (line for line in lines if len(line) > len("kind")):
        if (kind, access, file) == ("FLOCK", "WRITE", wanted):
            return max(int(pid), 0)
    return None


@contextmanager
def reading(url: str, password_file: Path | None) -> Iterator[sa.Connection]:
    """Open a database for reading alone; raises DatabaseUnavailable."""
    path = file_of(url)
    if path is not None:
        with _reading_file(path) as connection:
            yield connection
        return
    database = Database(url, "", password_file)
    try:
        with database.reading() as connection:
            yield connection
    finally:
        database.close()


@contextmanager
def _reading_file(path: Path) -> Iterator[sa.Connection]:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_MILLISECONDS / 1000)

    engine = sa.create_engine("sqlite://", creator=connect, hide_parameters=True)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or type(error).__name__)
        raise DatabaseUnavailable(f"The database {path} can't be read: {why}.") from None
    finally:
        engine.dispose()
