# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass replay` where the journal is not: over the API, for those whom what a terminal showed concerns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.session_site import AUTOMATIC, granted, session_office, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.office import Member, Office

SHOWN = "seen-42"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner and one host for all."""
    with session_office(f"{AUTOMATIC}people: {{auditors: [revision]}}\n") as (made, _host):
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team")


@pytest.fixture(scope="module")
def incident(office: Office, ada: Member) -> str:
    """A request with two sessions, given back."""
    office.log_in(ada)
    made = granted(office, ada)
    for number in (1, 2):
        with terminal(office, ada, made) as session:
            session.type(f"stty -echo; printf '\\033]0;title-{number}\\007'; echo seen-$((40 + 2))-{number}; exit\n")
            session.wait_for(f"{SHOWN}-{number}")
            session.wait_for_end()
    office.call("DELETE", f"/requests/{made}", ada)
    office.site.wait_for(made, "incident.closed")
    return made


def test_who_asked_sees_it_again(office: Office, ada: Member, incident: str) -> None:
    """Played without what steers a terminal, after the runner's word on the record."""
    done = office.run(ada, "replay", incident, "--session", "2", "--speed", "1000")
    assert done.returncode == 0, done.stderr
    assert f"{SHOWN}-2" in done.stdout
    assert "\x1b]0;" not in done.stdout
    assert "The runner says of its record: " in done.stderr
    plain = office.run(ada, "replay", incident, "--session", "1", "--plain")
    assert f"\\x1b]0;title-1\\x07{SHOWN}-1" in plain.stdout


def test_it_is_exported_as_it_was_recorded(office: Office, ada: Member, incident: str, tmp_path: Path) -> None:
    """The same bytes as on the runner's machine, but for the runner's word in the header."""
    here, there = tmp_path / "here.cast", tmp_path / "there.cast"
    assert office.run(ada, "replay", incident, "--session", "1", "--export", str(there)).returncode == 0
    journal = str(office.site.place.journal)
    done = office.run(
        ada, "replay", incident, "--session", "1", "--export", str(here), "--journal", journal, "--offline"
    )
    assert done.returncode == 0, done.stderr
    first, *rest = there.read_text(encoding="utf-8").splitlines()
    own_first, *own_rest = here.read_text(encoding="utf-8").splitlines()
    header = json.loads(first)
    assert header.pop("verified")
    assert (header, rest) == (json.loads(own_first), own_rest)


def test_which_one_must_be_clear(office: Office, ada: Member, incident: str) -> None:
    """There are two; and there is no third."""
    for words in ((), ("--session", "3")):
        done = office.run(ada, "replay", incident, *words)
        assert (done.returncode, "has these sessions: 1, 2" in done.stderr) == (1, True), done.stderr


def test_an_auditor_may_and_strangers_may_not(office: Office, incident: str) -> None:
    """For a stranger there is no such incident."""
    auditor, stranger = office.hire("rex", "revision"), office.hire("mallory")
    for who in (auditor, stranger):
        office.log_in(who)
    assert f"{SHOWN}-1" in office.run(auditor, "replay", incident, "--session", "1", "--plain").stdout
    refused = office.run(stranger, "replay", incident, "--session", "1")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no incident" in refused.stderr


def test_a_changed_record_is_not_sent(office: Office, ada: Member, incident: str) -> None:
    """The runner says so instead."""
    (stream,) = office.site.place.journal.glob(f"*/*/*/{incident}/session-2.jsonl")
    before = stream.read_bytes()
    stream.write_bytes(before.replace(b"seen-42-2", b"seen-43-2"))
    try:
        done = office.run(ada, "replay", incident, "--session", "2")
    finally:
        stream.write_bytes(before)
    assert done.returncode == 1
    assert "is not as it was written" in done.stderr
    assert "seen-43" not in done.stdout
