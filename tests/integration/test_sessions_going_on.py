# SPDX-License-Identifier: GPL-3.0-or-later
"""A session whose grant is extended while the disk of its records hangs: whatever becomes of it, its records say the same."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import parse
from tests.integration.test_host_link import login, way
from tests.support.incidents import make_course, make_incident, make_plan
from tests.support.ssh_host import SshSite, serving

from breakglass.domain.incident import Attempt
from breakglass.journal import Journal
from breakglass.sessions import running as running_module
from breakglass.sessions.host_link import HostLink
from breakglass.sessions.records import Records
from breakglass.sessions.running import Running
from breakglass.sessions.session import Session, Wish
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from breakglass.domain.incident import Incident
    from breakglass.sessions.purse import Purse
    from breakglass.sessions.recording import Recording

LIMIT_SECONDS = 30
A_MOMENT = 0.3


@dataclass(frozen=True)
class HangingRecords(Records):
    """Records whose disk hangs from the beginning on, until `goes_on` is set."""

    goes_on: threading.Event = field(default_factory=threading.Event)

    def begin(self, incident: Incident) -> Recording:
        """The incident's next one, whose writes wait."""
        made = super().begin(incident)
        threading.Thread(target=self._hang, args=(made,)).start()
        until(made._turn.locked)
        return made

    def _hang(self, recording: Recording) -> None:
        with recording._turn:
            self.goes_on.wait(LIMIT_SECONDS)


@dataclass
class Room:
    """A session that goes on, under INC-A, and INC-B that extends it."""

    running: Running
    session: Session
    extension: Incident
    directory: Path

    def go_on(self) -> None:
        """The grant of INC-B is taken."""
        (live,) = self.running._live["INC-A"]
        self.running._go_on(live, "INC-A", self.extension)

    def kinds(self, incident: str) -> list[str]:
        """What stands in the record of the session under this grant, but for what was shown and told."""
        (path,) = self.directory.glob(f"*/*/*/{incident}/session-1.jsonl")
        kinds = [parse(line).kind for line in path.read_bytes().splitlines()]
        return [kind for kind in kinds if kind not in ("session.output", "session.told")]


@pytest.fixture(scope="module")
def site() -> Iterator[SshSite]:
    """One host."""
    with serving("web1") as made:
        yield made


def lent(name: str, seconds: int, extends: str = "") -> Incident:
    """An incident whose grant is open for so long."""
    until_then = datetime.now(UTC) + timedelta(seconds=seconds)
    plan = replace(make_plan("web1"), remediation="", extends=extends)
    made = make_incident(make_course(plan=plan), name=name)
    return replace(made, attempts=(Attempt(1, "accessor", until_then),))


@contextmanager
def room(site: SshSite, place: Path, kind: Callable[[Journal], Records]) -> Iterator[Room]:
    """A session on a real host, with a real journal; `kind` makes what begins the record of the extension."""
    database = Database.open(f"sqlite:///{place}/breakglass.db")
    journal = Journal(place / "journal", JournalQueue(database), b"k" * 32)
    records, first = Records(journal), lent("INC-A", 60)
    running = Running(cast("Purse", Unused()), records, lambda _incident: "", lambda _incident: ())
    recording = records.begin(first)
    recording.opened({**records.about(first, "web1"), "columns": 80, "rows": 24, "terminal": "xterm"})
    under = running.under(first, recording)
    connect = partial(HostLink.connect, way(site, "web1"), login(site, "web1"))
    session = Session("web1", Wish("sleep 50700", "xterm", 80, 24), under, connect)
    running._open.add(first.id)
    running.begin(session)
    until(lambda: session._link is not None)
    running.records = kind(journal)
    try:
        yield Room(running, session, lent("INC-B", 600, first.id), place / "journal")
    finally:
        for name in ("INC-A", "INC-B"):
            running.end(name, "the test is over")
        running.close()
        journal.close()
        database.close()


class Unused:
    """A purse out of which nothing is taken."""

    def forget(self, _incident: str) -> None:
        """Nothing is in it."""


def until(truth: Callable[[], bool]) -> None:
    """Wait for it."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not truth():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_session_goes_on_although_its_record_took_long(
    site: SshSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk hangs at the last word of the first record. Nobody waits for it; when it is there, the session is under the second grant."""
    monkeypatch.setattr(running_module, "GO_ON_SECONDS", A_MOMENT)
    with room(site, tmp_path, Records) as made:
        first = made.session.under.recording
        with first._turn:
            made.go_on()
            assert made.session.under.incident == "INC-A"
        until(lambda: made.session.under.incident == "INC-B")
        assert made.running.end("INC-A", "extended") == ""
        assert made.running.count() == 1
        assert made.kinds("INC-A") == ["session.opened", "session.continued"]
        assert made.kinds("INC-B") == ["session.opened"]
        assert made.running.end("INC-B", "given back") == ""
        assert made.kinds("INC-B") == ["session.opened", "session.ended"]


def test_a_session_that_ends_while_its_record_hangs_did_not_go_on(
    site: SshSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first grant is over before the second record has its first word: the session is ended with it, and both records say so."""
    monkeypatch.setattr(running_module, "GO_ON_SECONDS", A_MOMENT)
    monkeypatch.setattr(running_module, "END_LIMIT_SECONDS", A_MOMENT)
    goes_on = threading.Event()
    with room(site, tmp_path, lambda journal: HangingRecords(journal, goes_on=goes_on)) as made:
        made.go_on()
        assert "has not come to its end" in made.running.end("INC-A", "extended by INC-B")
        goes_on.set()
        until(lambda: made.kinds("INC-B")[-1:] == ["session.ended"] == made.kinds("INC-A")[-1:])
        assert made.kinds("INC-A") == ["session.opened", "session.ended"]
        assert made.kinds("INC-B") == ["session.opened", "session.ended"]
        assert made.session.under.incident == "INC-A"


def test_nothing_follows_the_end_of_a_record(site: SshSite, tmp_path: Path) -> None:
    """Whoever waited for their turn while it got its end."""
    with room(site, tmp_path, Records) as made:
        first = made.session.under.recording
        made.go_on()
        with pytest.raises(running_module.BreakglassError, match="has its end, and nothing follows"):
            first.told("too late")
        assert made.kinds("INC-A") == ["session.opened", "session.continued"]
