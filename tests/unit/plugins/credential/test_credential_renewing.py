# SPDX-License-Identifier: GPL-3.0-or-later
"""When a credential is renewed, told by a clock that the test holds."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import LEFT
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.renewal import is_due
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import (
    Credential,
    describe,
    read_credential,
    text_of,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.turns import one_at_a_time
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh_certificate import BACKDATED
from hypothesis import given
from hypothesis import strategies as st
from tests.support.live_run import LiveRun, live_run

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 11, 22, 3, 0, 0, tzinfo=timezone.utc)
BOX_ENDS = START + timedelta(minutes=10)
DATABASE = Credential(
    id="db-1",
    name="db",
    kind="database",
    what="database user v-1",
    identity={},
    fate="revoked",
    obtained_at=text_of(START),
    expires_at=text_of(START + timedelta(seconds=100)),
    latest_end=text_of(BOX_ENDS),
    facts={},
    files=(),
    lease_id="database/creds/r/1",
    renewable=True,
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def running() -> Iterator[LiveRun]:
    with live_run() as run:
        yield run


@pytest.mark.parametrize(
    ("seconds", "due"), [(0, False), (49, False), (50, True), (99, True), (100, False), (500, False)]
)
def test_it_is_due_from_half_of_its_life_to_its_end(seconds: float, *, due: bool) -> None:
    """Not before, so that Vault is not asked for nothing; not after, since a dead lease can't be renewed."""
    assert is_due(DATABASE, BOX_ENDS, at(seconds)) is due


def test_what_lives_as_long_as_the_box_is_not_renewed() -> None:
    """Two seconds before the end of the box are near enough."""
    assert not is_due(DATABASE, at(102), at(60))
    assert is_due(DATABASE, at(103), at(60))


def test_what_can_not_be_renewed_is_not_tried() -> None:
    """Only leases that are renewable, and our own short SSH certificates, which are signed anew; what has no end needs none."""
    assert not is_due(replace(DATABASE, renewable=False), BOX_ENDS, at(60))
    assert is_due(replace(DATABASE, renewable=False, kind="ssh"), BOX_ENDS, at(60))
    assert not is_due(replace(DATABASE, renewable=False, kind="ssh_host"), BOX_ENDS, at(60))
    assert not is_due(replace(DATABASE, expires_at=""), BOX_ENDS, at(60))


@pytest.mark.parametrize("apart", [-110, 0, 110])
@pytest.mark.parametrize(("seconds", "due"), [(29, False), (30, True), (59, True), (60, False)])
def test_a_certificate_is_signed_anew_in_time_by_a_clock_that_is_wrong(apart: int, seconds: int, *, due: bool) -> None:
    """It lives for a minute by Vault's clock; how far ours is ahead or behind changes nothing of what is left of that."""
    facts = {"valid_after": text_of(START - BACKDATED), "valid_before": text_of(at(60))}
    certificate = replace(
        DATABASE, kind="ssh", renewable=False, obtained_at=text_of(at(apart)), expires_at=text_of(at(60)), facts=facts
    )
    assert is_due(certificate, BOX_ENDS, at(apart + seconds)) is due


@given(life=st.integers(0, 10_000), box=st.integers(0, 10_000), seconds=st.integers(-10, 10_010))
def test_nothing_is_renewed_outside_of_its_life_and_box(life: int, box: int, seconds: int) -> None:
    """Whatever the three lengths are: it lives, half is over, and the box is longer."""
    credential = replace(DATABASE, expires_at=text_of(at(life)))
    if is_due(credential, at(box), at(seconds)):
        assert life / 2 <= seconds < life < box - 2


def opened(running: LiveRun) -> None:
    """Write down a grant at a Vault that is not there."""
    connection = Connection(url=f"http://127.0.0.1:{free_port()}", retries=0, timeout=1)
    run = running.run
    run.write(run.token, "t")
    about = {"url": connection.url, "retries": 0, "timeout": 1}
    run.write_json(run.grant, {"access": "web", "expires_at": text_of(BOX_ENDS), "connection": about})


def held(running: LiveRun, credential: Credential = DATABASE) -> None:
    running.run.credential(credential.name).mkdir(mode=0o700)
    describe(running.run, credential)


def test_without_a_grant_there_is_nothing_to_do(running: LiveRun) -> None:
    """Before it is opened, and after it was closed, a look asks nobody."""
    held(running)
    Renewer(running.live).look(at(60))
    opened(running)
    running.run.token.unlink()
    Renewer(running.live).look(at(60))
    assert running.records == []


def test_what_is_not_due_is_left_alone(running: LiveRun) -> None:
    """A look in the first half of a life sends nothing."""
    opened(running)
    held(running)
    Renewer(running.live).look(at(10))


def test_a_failure_is_recorded_once_and_raised_each_time(running: LiveRun) -> None:
    """The journal says once that it was not renewed, why, and until when it lives; the end that is known stays."""
    opened(running)
    held(running)
    renewer = Renewer(running.live)
    for second in (60, 65, 70):
        with pytest.raises(BreakglassError, match="can't be reached"):
            renewer.look(at(second))
    (record,) = running.records
    assert record.kind == LEFT
    assert record.body["lives_until"] == DATABASE.expires_at
    assert "can't be reached" in str(record.body["why"])
    assert read_credential(running.run, "db") == DATABASE


def test_one_failure_does_not_keep_the_others_from_their_turn(running: LiveRun) -> None:
    """Each due credential is tried in each look."""
    opened(running)
    for name in ("a", "b"):
        held(running, replace(DATABASE, name=name, id=f"{name}-1"))
    with pytest.raises(BreakglassError):
        Renewer(running.live).look(at(60))
    assert [record.body["credential"] for record in running.records] == ["a-1", "b-1"]


def waiters(lock: Path) -> int:
    inode = f":{lock.stat().st_ino} "
    return sum("->" in line and inode in line for line in Path("/proc/locks").read_text(encoding="ascii").splitlines())


def test_what_a_task_replaced_meanwhile_is_left_alone(running: LiveRun) -> None:
    """A look that waits for its turn renews what is there then, not what it saw before."""
    opened(running)
    held(running)
    with ThreadPoolExecutor(1) as pool:
        with one_at_a_time(running.run):
            look = pool.submit(Renewer(running.live).look, at(60))
            limit = time.monotonic() + 20
            while not waiters(running.run.root / "grant.lock"):
                assert time.monotonic() < limit
                time.sleep(0.005)
            describe(running.run, replace(DATABASE, id="db-2"))
        look.result()
    assert running.records == []
    known = read_credential(running.run, "db")
    assert known is not None
    assert known.id == "db-2"


def test_a_renewer_ends_when_it_is_told_to(running: LiveRun) -> None:
    """Its thread is gone when stop returns, also when it never began."""
    Renewer(running.live).stop()
    renewer = Renewer(running.live)
    renewer.start()
    renewer.stop()
    assert not renewer._thread.is_alive()
