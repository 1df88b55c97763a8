# SPDX-License-Identifier: GPL-3.0-or-later
"""The heartbeat: taken by a real dead man's switch, or a trouble that tells nothing of the address."""

from __future__ import annotations

import sqlite3
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.certificates import Authority
from tests.support.receivers.dead_mans_switch import SECRET, DeadMansSwitch
from tests.support.receivers.faults import Fault
from tests.support.site import Site
from tests.support.traces import all_events, wait_until

from breakglass import heartbeat as heartbeat_module
from breakglass.errors import BreakglassError
from breakglass.heartbeat import IN_VAIN, Heartbeat, LostBeat, heartbeat_url, send_beat
from breakglass.settings import HeartbeatSettings
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def switch() -> Iterator[DeadMansSwitch]:
    """A dead man's switch on the loopback address."""
    with DeadMansSwitch() as switch:
        yield switch


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that nobody answers is lost after half a second."""
    monkeypatch.setattr(heartbeat_module, "ANSWER_WITHIN_SECONDS", 0.5)


def secret_file(directory: Path, url: str) -> Path:
    """The file with the address."""
    path = directory / "heartbeat"
    path.touch(mode=0o600)
    path.write_text(f"{url}\n", encoding="utf-8")
    return path


class Beating:
    """A heartbeat of its own, whose beats a test sends one by one, and the records that it queues."""

    def __init__(self, directory: Path, url: str) -> None:
        self.database = Database.open(f"sqlite:///{directory}/breakglass.db")
        self.queue = JournalQueue(self.database)
        self.settings = HeartbeatSettings.model_validate(
            {"url_file": str(secret_file(directory, url)), "every": "10s"}, context={"directory": directory}
        )
        self.heart = Heartbeat(self.settings, self.queue)

    def beat(self, times: int = 1) -> None:
        for _ in range(times):
            self.heart.beat(self.settings)

    def records(self) -> list[tuple[str, dict[str, object]]]:
        return [(queued.kind, dict(queued.body)) for queued in self.queue.waiting()]


@pytest.fixture
def beating(tmp_path: Path, switch: DeadMansSwitch) -> Iterator[Beating]:
    """A heartbeat for the switch."""
    beating = Beating(tmp_path, switch.url)
    yield beating
    beating.database.close()


@pytest.mark.parametrize("proxy", ["", NOWHERE])
def test_a_beat_is_taken(tmp_path: Path, switch: DeadMansSwitch, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one plain GET of exactly the address, with nothing of ours in it, whatever proxies the environment names."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("no_proxy", "")
    send_beat(secret_file(tmp_path, switch.url))
    assert (switch.beats, switch.complaints) == (1, [])


def test_a_beat_over_tls_believes_the_authority_of_the_settings(tmp_path: Path) -> None:
    """With the switch's own authority it is taken; without, it is lost, and nothing was sent."""
    authority = Authority.create(tmp_path, "ca")
    with DeadMansSwitch(tls=authority.server()) as switch:
        url_file = secret_file(tmp_path, switch.url)
        send_beat(url_file, authority.path)
        with pytest.raises(LostBeat, match=r"did not answer \(SSLError\)"):
            send_beat(url_file)
        assert (switch.beats, len(switch.tries)) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.HANG, "did not answer"),
        (Fault.DRIP, "did not answer"),
        (Fault.CUT, "did not answer"),
        (Fault.GARBAGE, "answered 500"),
        (Fault.BROKEN, "answered 500"),
        (Fault.BUSY, "answered 429"),
        (Fault.UNKNOWN, "answered 404"),
        (Fault.MOVED, "redirects (302), which is not followed"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_beat_that_is_not_taken_is_lost(tmp_path: Path, switch: DeadMansSwitch, fault: Fault, said: str) -> None:
    """Whatever the switch does wrong, the beat ends in time with a sentence that names the file and not the address."""
    switch.fault = fault
    url_file = secret_file(tmp_path, switch.url)
    with pytest.raises(LostBeat) as lost:
        send_beat(url_file)
    assert said in str(lost.value)
    assert str(url_file) in str(lost.value)
    assert len(switch.tries) == 1, "a redirect was followed, or a beat tried twice"
    assert switch.beats == 0
    assert SECRET not in str(lost.value)
    assert lost.value.__cause__ is None


def test_a_switch_that_is_not_there(tmp_path: Path, switch: DeadMansSwitch) -> None:
    """A refused connection, and a name that nobody resolves, are lost beats."""
    url_file = secret_file(tmp_path, switch.url)
    switch.stop()
    with pytest.raises(LostBeat, match=r"did not answer \(ConnectionError\)"):
        send_beat(url_file)
    switch.start()


@pytest.mark.parametrize(
    "text",
    [
        f"http://hc.example.com/{SECRET}",
        f"ftp://hc.example.com/{SECRET}",
        f"hc.example.com/{SECRET}",
        f"https://hc.example.com/{SECRET}\nhttps://hc.example.com/two",
        f"https://hc.example.com/{SECRET} two",
        f"https://hc.example.com:port/{SECRET}",
        f"https://[::1/{SECRET}",
        f"https:///{SECRET}",
        f"https://hc.example.com/{SECRET}\x1b[2J",
        f"https://hc.exämple.com/{SECRET}",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    """Clear text to another machine, other schemes and two lines are refused by a sentence without the address."""
    url_file = secret_file(tmp_path, text)
    with pytest.raises(LostBeat) as refused:
        heartbeat_url(url_file)
    assert str(refused.value) == (
        f"{url_file} does not hold one address of a heartbeat: https://…, or http://… if it is on this machine."
    )


@pytest.mark.parametrize(
    "url", ["https://hc.example.com/x", "http://127.0.0.1:1/x", "http://[::1]:80/x", "http://localhost"]
)
def test_what_is_an_address(tmp_path: Path, url: str) -> None:
    """Any with https, and with http those on this machine."""
    assert heartbeat_url(secret_file(tmp_path, url)) == url


def test_a_file_that_others_may_read_sends_nothing(tmp_path: Path, switch: DeadMansSwitch) -> None:
    """The address is a secret: a file that is open to others is refused, and nothing goes out."""
    url_file = secret_file(tmp_path, switch.url)
    url_file.chmod(0o640)
    with pytest.raises(BreakglassError, match="is open to others"):
        send_beat(url_file)
    assert switch.tries == []


def test_it_is_a_trouble_after_three_in_a_row(beating: Beating, switch: DeadMansSwitch) -> None:
    """One lost beat wakes nobody; three in a row are a trouble, and one that is taken ends it. Both ends are recorded, once."""
    switch.fault = Fault.BROKEN
    beating.beat(IN_VAIN - 1)
    assert (beating.heart.trouble, beating.heart.lost_in_a_row, beating.records()) == ("", IN_VAIN - 1, [])
    switch.fault = None
    beating.beat()
    assert (beating.heart.trouble, beating.heart.lost_in_a_row, beating.records()) == ("", 0, [])

    switch.fault = Fault.BROKEN
    beating.beat(IN_VAIN + 2)
    assert beating.heart.trouble.startswith(f"The heartbeat has not been taken {IN_VAIN + 2} times, since ")
    assert "answered 500" in beating.heart.trouble
    switch.fault = None
    beating.beat(2)
    assert beating.heart.trouble == ""
    (failed, failure), (again, recovery) = beating.records()
    assert (failed, again) == ("heartbeat.failed", "heartbeat.taken_again")
    assert recovery == {"beats": IN_VAIN + 2, "since": failure["since"]}
    assert "answered 500" in str(failure["why"])


def test_a_new_address_is_used_at_once(beating: Beating, switch: DeadMansSwitch) -> None:
    """The file is read anew for each beat, so the address can be rotated without a restart."""
    url_file = beating.settings.url_file
    url_file.write_text(NOWHERE, encoding="utf-8")
    beating.beat()
    url_file.write_text(switch.url, encoding="utf-8")
    beating.beat()
    assert (beating.heart.lost_in_a_row, switch.beats) == (0, 1)


def test_a_record_that_the_database_does_not_take_is_not_lost(beating: Beating, switch: DeadMansSwitch) -> None:
    """Beats go on, and the record of their failing comes once the database takes it."""
    switch.fault = Fault.BROKEN
    with beating.database.transaction():
        beating.beat(IN_VAIN)
    assert beating.records() == []
    switch.fault = None
    beating.beat()
    assert [kind for kind, _ in beating.records()] == ["heartbeat.failed", "heartbeat.taken_again"]
    assert switch.beats == 1


def test_a_stop_cuts_off_a_beat_that_hangs(beating: Beating, switch: DeadMansSwitch) -> None:
    """A switch that never answers does not keep the runner from stopping, and what was cut off is no lost beat."""
    switch.fault = Fault.HANG
    beating.heart.start(list)
    wait_until(lambda: switch.tries, 10, "no beat went out")
    beating.heart.stop()
    assert beating.heart._thread is not None
    assert not beating.heart._thread.is_alive()
    assert beating.heart.lost_in_a_row == 0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation with a Vault; no runner yet."""
    with Site() as site:
        yield site


def answer(url: str, page: str) -> str:
    """What the runner says there, whatever its status."""
    try:
        with urllib.request.urlopen(f"{url}/{page}", timeout=10) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def number(url: str, name: str) -> float:
    """One of the runner's numbers."""
    (line,) = [line for line in answer(url, "metrics").splitlines() if line.startswith(f"breakglass_{name} ")]
    return float(line.split()[1])


@pytest.mark.timeout(240)
def test_the_outside_hears_of_a_runner_that_can_do_its_work(site: Site, switch: DeadMansSwitch) -> None:
    """Beats come while it can, not while its database is locked; failing beats make it not ready, and go on being tried.

    The secret address is in no log, answer, journal or database, also when the switch answers what no client can read.
    """
    settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
    settings["heartbeat"] = {"url_file": str(secret_file(site.scratch, switch.url)), "every": "10s"}
    site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    said = []
    with site.runner() as runner:
        wait_until(lambda: switch.beats, 20, "no first beat")
        wait_until(lambda: number(runner.url, "heartbeat_last_success_timestamp_seconds") > 0, 20, "not counted")

        with sqlite3.connect(site.scratch / "breakglass.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            wait_until(lambda: "database" in answer(runner.url, "readyz"), 30, "a locked database is no trouble")
            wait_until(lambda: "No heartbeat goes out" in site.log.read_text("utf-8"), 30, "beats are not withheld")
            beats = switch.beats
            time.sleep(11)  # the next beat would have come by now
            assert switch.beats == beats, "a beat came while the database was locked"
            other.execute("ROLLBACK")
        other.close()
        wait_until(lambda: switch.beats > beats, 30, "no beat after the trouble")

        switch.fault = Fault.GARBAGE
        wait_until(lambda: "heartbeat" in answer(runner.url, "readyz"), 60, "failing beats are no trouble")
        said += [answer(runner.url, "readyz"), answer(runner.url, "metrics")]
        assert number(runner.url, "heartbeat_lost_in_a_row") >= IN_VAIN
        assert number(runner.url, "ready") == 0
        tries = len(switch.tries)
        wait_until(lambda: len(switch.tries) > tries, 30, "its own trouble keeps the heartbeat from being tried")
        switch.fault = None
        wait_until(lambda: answer(runner.url, "readyz") == '{"ready":true}', 30, "it is not ready again")
    assert switch.complaints == []

    kinds = [event.kind for event in all_events(site) if event.kind.startswith("heartbeat.")]
    assert kinds == ["heartbeat.failed", "heartbeat.taken_again"]
    said.append(site.log.read_text(encoding="utf-8"))
    said += [path.read_text("utf-8", errors="replace") for path in site.place.journal.rglob("*") if path.is_file()]
    said += [path.read_text("utf-8", errors="replace") for path in site.scratch.glob("breakglass.db*")]
    assert not [text for text in said if SECRET in text]
