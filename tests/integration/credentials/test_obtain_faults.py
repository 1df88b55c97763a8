# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a credential when the way to Vault, the journal or the directory breaks in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.closing import UntoldHoldings
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED, REFUSED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import LeftLease
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import ChangedStream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import UnusableRunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    UnprovenRevocation,
    UnreachableVault,
)
from tests.integration.credentials.engines import (
    EVERYTHING,
    database_order,
    dynamic_order,
    kv_order,
    lease_left,
    pki_order,
    ssh_order,
    wait_for,
)
from tests.support.cut_proxy import CutProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Obtained, Order
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL

MADE = {"common_name": "shop.example", "ttl": "5m"}


@dataclass
class Spoiled:
    """An order after whose fulfilment something happens, before it is recorded."""

    order: Order
    spoil: Callable[[], object]
    obtained: Obtained | None = None

    @property
    def kind(self) -> str:
        return self.order.kind

    @property
    def name(self) -> str:
        return self.order.name

    @property
    def what(self) -> str:
        return self.order.what

    def identity(self) -> dict[str, JsonValue]:
        return self.order.identity()

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        self.obtained = self.order.obtain(client, left)
        self.spoil()
        return self.obtained


@pytest.fixture
def way(vault: PreparedVault) -> Iterator[CutProxy]:
    with CutProxy(vault.connection.url) as proxy:
        yield proxy


@pytest.fixture
def granted_over(way: CutProxy, running: LiveRun, vault: PreparedVault) -> LiveRun:
    """A run whose grant was opened over a way that can be cut."""
    running.open(vault, EVERYTHING, url=way.url)
    return running


@pytest.mark.parametrize(
    ("order", "asked"),
    [
        (ssh_order("web1"), ("sign/", "an SSH certificate for web1")),
        (pki_order(), ("sign/", "a certificate for shop.example of cred-pki/sign/leased")),
        (dynamic_order("issue/leased", MADE), ("issue/", "the secret cred-pki/issue/leased")),
    ],
    ids=["ssh", "pki", "secret"],
)
@pytest.mark.parametrize("cut", ["cut_at", "cut_after"])
def test_a_request_without_an_answer_stays_unknown(
    granted_over: LiveRun, way: CutProxy, order: Order, asked: tuple[str, str], cut: str
) -> None:
    """The intent is on the disk and stands alone; closing proves the grant gone and says what may live, and until when."""
    path, words = asked
    getattr(way, cut)(path)
    with pytest.raises(UnreachableVault):
        obtain(granted_over.live, order)
    assert granted_over.kinds == [ASKED]
    with pytest.raises(UnprovenRevocation):
        granted_over.close()
    way.pass_on()
    box_ends = (granted_over.run.read_json(granted_over.run.grant) or {})["expires_at"]
    (sentence,) = granted_over.close().remains
    until = f"{box_ends}, or as long as its role in Vault lets it" if order.kind == "secret" else box_ends
    assert sentence == f"{words} was asked for and nobody knows whether it was made; it may live until {until}"


def test_a_user_that_nobody_heard_of_is_dropped_with_the_grant(
    granted_over: LiveRun, way: CutProxy, databases: PostgreSQL
) -> None:
    """Vault made it, the answer was lost: it is told as unknown, and hangs on the token that closing revokes."""
    before = {name for (name,) in databases.sql("SELECT rolname FROM pg_roles")}
    way.cut_after("database/creds")
    with pytest.raises(UnreachableVault, match="unknown"):
        obtain(granted_over.live, database_order(granted_over))
    made = {name for (name,) in databases.sql("SELECT rolname FROM pg_roles")} - before
    assert len(made) == 1
    assert granted_over.kinds == [ASKED]
    way.pass_on()
    (sentence,) = granted_over.close().remains
    assert "nobody knows" in sentence
    wait_for(lambda: not any(databases.exists(name) for name in made))


def test_a_read_that_was_cut_is_recorded_as_refused(granted_over: LiveRun, way: CutProxy) -> None:
    """Reading makes nothing, so an answer that was lost leaves nothing."""
    way.cut_at("kv/data")
    with pytest.raises(UnreachableVault):
        obtain(granted_over.live, kv_order())
    assert granted_over.kinds == [ASKED, REFUSED]


def test_a_user_that_could_not_be_clamped_nor_dropped_is_dropped_at_closing(
    running: LiveRun, vault: PreparedVault, way: CutProxy, databases: PostgreSQL
) -> None:
    """It was made for half an hour and the way broke before it could be shortened: its lease is journalled and proven gone."""
    running.open(vault, EVERYTHING, timedelta(minutes=2), url=way.url)
    way.cut_at("sys/leases/renew")
    before = {name for (name,) in databases.sql("SELECT rolname FROM pg_roles")}
    with pytest.raises(LeftLease, match="could not be taken back"):
        obtain(running.live, database_order(running, "long"))
    made = {name for (name,) in databases.sql("SELECT rolname FROM pg_roles")} - before
    assert len(made) == 1
    assert running.kinds == [ASKED, OBTAINED]
    assert not running.run.credential("db").exists()
    way.pass_on()
    closed = running.close()
    assert len(closed.proof.lease_ids) == 1
    assert closed.remains == ()
    assert not any(databases.exists(name) for name in made)


def test_a_broken_way_before_the_request_leaves_no_intent(granted_over: LiveRun, way: CutProxy) -> None:
    """What is left of the box is asked first; without an answer nothing is asked for."""
    way.cut_at("lookup-self")
    with pytest.raises(UnreachableVault):
        obtain(granted_over.live, pki_order())
    assert granted_over.records == []


def test_no_intent_no_request(granted: LiveRun, vault: PreparedVault) -> None:
    """A journal that can't be written lets nothing be asked for: Vault has made nothing."""
    (granted.live.journal / "ledger.jsonl").rename(granted.live.journal / "elsewhere")
    order = Spoiled(pki_order(), lambda: None)
    with pytest.raises(BreakglassError):
        obtain(granted.live, order)
    assert order.obtained is None
    assert granted.close().proof.lease_ids == ()


@pytest.mark.parametrize("made", [pki_order(), dynamic_order("issue/leased", MADE)], ids=["pki", "secret"])
def test_what_can_not_be_recorded_is_taken_back_at_once(granted: LiveRun, vault: PreparedVault, made: Order) -> None:
    """The journal broke after the request: the lease is gone when the error is seen, and no file was written."""

    def spoil() -> None:
        with granted.register.path.open("ab") as file:
            file.write(b"{}\n")

    order = Spoiled(made, spoil)
    with pytest.raises(ChangedStream):
        obtain(granted.live, order)
    assert order.obtained is not None
    assert order.obtained.lease is not None
    assert lease_left(vault.admin, order.obtained.lease.lease_id) is None
    assert not granted.run.credential(made.name).exists()
    with pytest.raises(UntoldHoldings, match="The grant is gone, but not provably all"):
        granted.close()
    with pytest.raises(DeniedByVault):
        session.lookup(vault.admin.with_token(granted.run.token.read_text(encoding="ascii")))


def test_what_can_not_be_kept_is_taken_back_at_once(granted: LiveRun, vault: PreparedVault) -> None:
    """There was no room for its files: the lease is gone when the error is seen, and closing proves it."""
    order = Spoiled(pki_order(), granted.run.credential("pki").touch)
    with pytest.raises(UnusableRunDirectory):
        obtain(granted.live, order)
    assert order.obtained is not None
    assert order.obtained.lease is not None
    assert lease_left(vault.admin, order.obtained.lease.lease_id) is None
    assert granted.kinds == [ASKED, OBTAINED]
    closed = granted.close()
    assert (closed.proof.lease_ids, closed.remains) == ((order.obtained.lease.lease_id,), ())


def test_closing_names_exactly_what_lives(granted: LiveRun, vault: PreparedVault) -> None:
    """Of one credential of each kind: what is revoked is not told, what lives is, with its end, and what was read is."""
    ssh, _ = obtain(granted.live, ssh_order("web1"))
    pki, _ = obtain(granted.live, pki_order())
    made, _ = obtain(granted.live, dynamic_order("issue/leased", MADE))
    read, _ = obtain(granted.live, kv_order())
    with suppress(DeniedByVault):
        obtain(granted.live, pki_order("other", name="refused"))
    closed = granted.close()
    assert closed.proof.lease_ids == (pki.lease_id, made.lease_id)
    assert all(lease_left(vault.admin, lease) is None for lease in closed.proof.lease_ids)
    assert closed.remains == (f"{ssh.what} expires at {ssh.expires_at}", f"{read.what} was read, which nothing undoes")
    assert granted.close().remains == closed.remains


def test_workers_that_come_at_once_share_one_credential(granted: LiveRun) -> None:
    """Ten ask for the same: one request, one certificate for all."""
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: obtain(granted.live, pki_order()), range(10)))
    assert len({credential.id for credential, _ in found}) == 1
    assert sum(changed for _, changed in found) == 1
    assert granted.kinds == [ASKED, OBTAINED]


def test_no_token_is_in_what_a_run_tells(granted: LiveRun) -> None:
    """Neither the grant's nor the login's token is in journal, descriptions or reprs."""
    credential, _ = obtain(granted.live, pki_order())
    token = granted.run.token.read_text(encoding="ascii")
    assert granted.opened is not None
    told = granted.everything_written() + repr((credential, granted.opened, granted, granted.live))
    assert token not in told
    assert granted.opened.login.token not in told
