# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a receiver does wrong: no record is lost, and what comes twice has the same id."""

from __future__ import annotations

import json
import resource
import signal
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.dead_letters import NAME as LETTERS
from tests.support.certificates import Authority
from tests.support.receivers.dialects import POISON, CloudEvents, JsonLines, Otlp, SplunkHec
from tests.support.receivers.faults import Fault
from tests.support.receivers.http_receiver import HttpReceiver
from tests.support.receivers.journal import ShippedJournal
from tests.support.receivers.shipping import courier, drain
from tests.support.receivers.syslog_receiver import SyslogReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

HTTP_FAULTS = (
    Fault.LOST_REPLY,
    Fault.BUSY,
    Fault.BROKEN,
    Fault.CUT,
    Fault.GARBAGE,
    Fault.HANG,
    Fault.MOVED,
    Fault.DRIP,
    Fault.UNKNOWN,
)
TOKEN = "tok-for-the-siem"


@pytest.fixture
def journal(tmp_path: Path) -> ShippedJournal:
    made = ShippedJournal(tmp_path / "journal")
    for run in range(3):
        made.run(f"0{run}", 40)
    return made


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    return write


def check(journal: ShippedJournal, kept: Iterable[str], *but: str) -> Counter[str]:
    """Every record and every checkpoint has arrived, each stream's records in order (of their first arrival)."""
    counted = Counter(kept)
    assert set(journal.ids()) - set(counted) == set(but)
    notes = [one for one in counted if "#checkpoint-" in one]
    assert len(notes) == len(list(journal.directory.rglob("*.checkpoint")))
    for path in journal.directory.rglob("*.jsonl"):
        wanted = [str(json.loads(line)["id"]) for line in path.read_bytes().splitlines()]
        arrived = [one for one in counted if one in set(wanted)]
        assert arrived == [one for one in wanted if one not in but]
    return counted


HTTP_SINKS = {
    "json_lines": (JsonLines(), {"kind": "http", "format": "json_lines"}),
    "cloudevents": (CloudEvents(token=TOKEN), {"kind": "http", "bearer_token_file": "token"}),
    "splunk": (SplunkHec(TOKEN), {"kind": "splunk_hec", "token_file": "token", "acknowledge_within": "1s"}),
    "otlp": (Otlp(TOKEN), {"kind": "otlp_http", "key_file": "token"}),
}


@pytest.mark.parametrize("name", HTTP_SINKS)
def test_http_receiver_that_does_everything_wrong(
    name: str, journal: ShippedJournal, secret: Callable[[str, str], str]
) -> None:
    """An HTTP receiver that hangs, drips, cuts, keeps without an answer, is busy or broken, gets every record."""
    dialect, given = HTTP_SINKS[name]
    token = secret("token", TOKEN)
    options = {key: token if value == "token" else value for key, value in given.items()}
    with HttpReceiver(dialect, HTTP_FAULTS) as receiver:
        with courier(journal, {**options, "url": receiver.url, "timeout": "1s", "batch": "50"}) as one:
            pauses, troubles = drain(one)
        counted = check(journal, receiver.kept)
        assert receiver.script.is_used_up
        assert not receiver.complaints
        assert max(counted.values()) > 1  # LOST_REPLY: kept, and sent again
        assert journal.letters() == []
        assert max(pauses) > min(pauses)
        assert one.trouble == ""
        assert any("429" in trouble for trouble in troubles)
        assert TOKEN not in "".join(troubles)


@pytest.mark.parametrize("name", ["splunk", "otlp"])
def test_partial_acknowledgement(name: str, journal: ShippedJournal, secret: Callable[[str, str], str]) -> None:
    """What a receiver keeps without acknowledging all of it is sent again, with the same ids."""
    dialect, given = HTTP_SINKS[name]
    token = secret("token", TOKEN)
    options = {key: token if value == "token" else value for key, value in given.items()}
    with HttpReceiver(dialect, [Fault.PARTLY, Fault.PARTLY]) as receiver:
        with courier(journal, {**options, "url": receiver.url, "batch": "50"}) as one:
            drain(one)
        counted = check(journal, receiver.kept)
        assert max(counted.values()) == 3
        assert journal.letters() == []


@pytest.mark.parametrize("name", HTTP_SINKS)
def test_poison_goes_to_the_dead_letters(name: str, journal: ShippedJournal, secret: Callable[[str, str], str]) -> None:
    """A record that the receiver refuses stops nothing: a dead letter names it, and all others arrive."""
    bodies = [{"n": n, "text": POISON if n in {3, 4, 11} else "fine"} for n in range(20)]
    ids = journal.write("09", bodies)
    poisoned = [ids[n] for n in (3, 4, 11)]
    dialect, given = HTTP_SINKS[name]
    token = secret("token", TOKEN)
    options = {key: token if value == "token" else value for key, value in given.items()}
    with HttpReceiver(dialect) as receiver:
        with courier(journal, {**options, "url": receiver.url}) as one:
            drain(one)
            assert one.trouble == ""
            check(journal, receiver.kept, *poisoned)
        assert [letter["record"] for letter in journal.letters()] == poisoned
        assert {letter["sink"] for letter in journal.letters()} == {"siem"}
        assert POISON not in json.dumps(journal.letters())
        assert one.cursor.refused == 3


def test_receiver_that_is_not_there(journal: ShippedJournal) -> None:
    """While a receiver refuses connections the cursor stands, the pauses grow to a minute; then everything arrives."""
    with HttpReceiver(JsonLines()) as receiver:
        receiver.stop()
        with courier(journal, {"kind": "http", "format": "json_lines", "url": receiver.url}) as one:
            pauses = [one.step() or 0.0 for _ in range(12)]
            assert one.cursor.shipped == 0
            assert pauses == [0.375, 0.75, 1.5, 3.0, 6.0, 12.0, 24.0, 45.0, 45.0, 45.0, 45.0, 45.0]
            assert receiver.url in one.trouble
            receiver.start()
            drain(one)
        check(journal, receiver.kept)


def test_retry_after_is_heeded(journal: ShippedJournal) -> None:
    """A receiver that asks for time gets it."""
    with (
        HttpReceiver(JsonLines(), [Fault.BUSY]) as receiver,
        courier(journal, {"kind": "http", "format": "json_lines", "url": receiver.url}) as one,
    ):
        assert one.step() == 1.0
        drain(one)


def test_broken_tls(journal: ShippedJournal, tmp_path: Path) -> None:
    """A receiver with another CA's certificate gets nothing; one with the right one and client certificates everything."""
    right, wrong = Authority.create(tmp_path / "right", "right"), Authority.create(tmp_path / "wrong", "wrong")
    client = right.client("shipper")
    options: dict[str, object] = {
        "kind": "http",
        "ca_cert": str(right.path),
        "client_cert": str(client.certificate),
        "client_key": str(client.key),
    }
    with (
        HttpReceiver(CloudEvents(), tls=wrong.server()) as impostor,
        courier(journal, {**options, "url": impostor.url}) as one,
    ):
        assert one.step()
        assert impostor.bodies == []
        assert "SSLError" in one.trouble
    with (
        HttpReceiver(CloudEvents(), [Fault.CUT], tls=right.server(), client_ca=right.path) as receiver,
        courier(journal, {**options, "url": receiver.url}) as one,
    ):
        drain(one)
        check(journal, receiver.kept)


def test_webhook_signature(journal: ShippedJournal, secret: Callable[[str, str], str]) -> None:
    """Batches are signed by Standard Webhooks, and a batch that comes twice has the same webhook-id."""
    dialect = CloudEvents(webhook_key=b"k" * 32)
    path = secret("webhook", "whsec_" + "a2tr" * 10 + "a2s=")
    with HttpReceiver(dialect, [Fault.LOST_REPLY]) as receiver:
        with courier(journal, {"kind": "http", "url": receiver.url, "webhook_secret_file": path}) as one:
            drain(one)
        assert not receiver.complaints
        check(journal, receiver.kept)
        assert dialect.messages[0] == dialect.messages[1]


def test_a_secret_that_becomes_readable(journal: ShippedJournal, secret: Callable[[str, str], str]) -> None:
    """A token with the wrong mode, or a new one, is no reason to start again."""
    path = secret("token", "old")
    with (
        HttpReceiver(SplunkHec(TOKEN)) as receiver,
        courier(journal, {"kind": "splunk_hec", "url": receiver.url, "token_file": path}) as one,
    ):
        assert one.step()
        assert "403" in one.trouble
        (open_file := journal.directory.parent / "token").chmod(0o644)
        assert one.step()
        assert "chmod 600" in one.trouble
        open_file.chmod(0o600)
        open_file.write_text(TOKEN)
        drain(one)
        check(journal, receiver.kept)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_syslog_receiver_that_does_everything_wrong(transport: str, journal: ShippedJournal, tmp_path: Path) -> None:
    """A syslog receiver that hangs, resets, stops reading or is no syslog at all gets every record, octet-counted."""
    authority = Authority.create(tmp_path / "ca", "ca")
    faults = [Fault.CUT, Fault.PARTLY, Fault.LOST_REPLY, Fault.HANG]
    if transport == "tls":
        faults.insert(0, Fault.GARBAGE)
    options = {"kind": "syslog", "transport": transport, "ca_cert": str(authority.path), "timeout": "2s"}
    with SyslogReceiver(transport, faults, authority.server() if transport == "tls" else None) as receiver:
        with courier(journal, {**options, "address": receiver.address, "batch": "50"}) as one:
            drain(one)
        assert receiver.complaints == []
        assert receiver.script.is_used_up
        assert max(check(journal, receiver.kept).values()) > 1


def test_syslog_of_an_impostor(journal: ShippedJournal, tmp_path: Path) -> None:
    """A syslog receiver with another CA's certificate gets nothing."""
    right, wrong = Authority.create(tmp_path / "right", "right"), Authority.create(tmp_path / "wrong", "wrong")
    with (
        SyslogReceiver("tls", tls=wrong.server()) as receiver,
        courier(journal, {"kind": "syslog", "address": receiver.address, "ca_cert": str(right.path)}) as one,
    ):
        assert one.step()
        assert receiver.messages == []


def test_syslog_over_udp(tmp_path: Path) -> None:
    """Over UDP each record is a datagram, and a receiver that is not there is noticed where the system says so."""
    journal = ShippedJournal(tmp_path / "journal")
    journal.run("01", 20)
    with SyslogReceiver("udp") as receiver:
        receiver.stop()
        with courier(journal, {"kind": "syslog", "transport": "udp", "address": receiver.address, "batch": "9"}) as one:
            assert one.step()
            receiver.start()
            drain(one)
            while len(receiver.kept) < len(journal.ids()) + 1:
                assert not receiver.complaints
        check(journal, receiver.kept)


def test_message_that_is_too_large_for_syslog(journal: ShippedJournal) -> None:
    """A record that syslog can't carry whole is not cut: a dead letter names it."""
    large = journal.write("09", [{"text": "x" * 70_000}, {"text": "small"}])[0]
    with SyslogReceiver("tcp") as receiver:
        with courier(journal, {"kind": "syslog", "transport": "tcp", "address": receiver.address}) as one:
            drain(one)
            check(journal, receiver.kept, large)
        assert [letter["record"] for letter in journal.letters()] == [large]


def test_dead_letters_that_can_not_be_written_for_a_moment(journal: ShippedJournal) -> None:
    """A dead letter that did not fit on the disk stops its sink as long as that is so; then one letter a record is written."""
    poisoned = journal.write("09", [{"text": POISON}] * 60)
    with HttpReceiver(JsonLines()) as receiver:
        options = {"kind": "http", "format": "json_lines", "url": receiver.url, "batch": "1"}
        with courier(journal, options) as one:
            while one.cursor.refused < 5:
                one.step()
            (letters,) = journal.directory.rglob(LETTERS)
            with no_file_beyond(letters.stat().st_size + 100):
                pauses = [one.step() for _ in range(30)]
            assert one.cursor.refused == len(whole_letters(letters)) == 5
            assert "can't be written" in one.trouble
            assert pauses[-1]
            drain(one)
            assert one.trouble == "" or "in a row" in one.trouble
            check(journal, receiver.kept, *poisoned)
        assert [letter["record"] for letter in journal.letters() if "record" in letter] == poisoned


def whole_letters(path: Path) -> list[bytes]:
    """Dead letters whose line is whole."""
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """As on a full disk: no file grows beyond a size, and of a write that goes beyond only a part is done."""
    kept_limit, kept_handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept_limit)
        signal.signal(signal.SIGXFSZ, kept_handler)


def test_the_checkpoint_of_an_empty_stream_is_shipped(tmp_path: Path) -> None:
    """Its play was killed before its first record: the sink learns that there was none, by a signature."""
    journal = ShippedJournal(tmp_path / "journal")
    journal.write("01", [])
    journal.run("02")
    with courier(journal, {"kind": "file", "path": str(tmp_path / "out.jsonl")}) as one:
        drain(one)
        assert not one.cursor.followed
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    notes = [record["body"]["note"] for record in records if record["kind"] == "journal.checkpoint"]
    assert sorted(note.splitlines()[1] for note in notes) == ["0", "5"]
