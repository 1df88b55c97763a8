# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run writes down of a credential is read back as the same, and tells no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential import wallet
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    described,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import Fate
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Obtained, UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import Credential
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import UnusableRunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.lease import Lease
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE
from tests.support.live_run import LiveRun, live_run

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 3, 0, 0, tzinfo=timezone.utc)
BOX_ENDS = "2026-11-22T03:10:00Z"
CANARY = "canary-5ecret"
ORDER = SecretOrder("shop", SecretRequest(Engine.DYNAMIC, "rabbitmq", "creds/shop"), "json", "")


@pytest.fixture
def running() -> Iterator[LiveRun]:
    with live_run() as run:
        yield run


def made(*, renewable: bool = True, minutes: int = 5) -> tuple[Credential, Obtained]:
    obtained = Obtained(
        what="the secret rabbitmq/creds/shop",
        fate=Fate.REVOKED,
        expires_at=NOW + timedelta(minutes=minutes),
        facts={"version": 0, "keys": ["password", "username"]},
        files={"secret.json": json.dumps({"password": CANARY}).encode()},
        secrets=(CANARY,),
        lease=Lease("rabbitmq/creds/shop/1", timedelta(minutes=minutes), renewable=renewable),
    )
    return Credential.of("shop-1", ORDER, obtained, BOX_ENDS, NOW), obtained


def test_what_is_written_is_read_back(running: LiveRun) -> None:
    """Every field survives the file, and the files lie where they are said to be, for the owner only."""
    credential, obtained = made()
    wallet.write_credential(running.run, credential, obtained)
    assert wallet.read_credential(running.run, "shop") == credential
    assert wallet.credentials_of(running.run) == [credential]
    paths = described(running.live, credential)["files"]
    assert isinstance(paths, dict)
    (path,) = (running.run.credential("shop") / name for name in paths)
    assert path.read_bytes() == obtained.files["secret.json"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_described(running: LiveRun) -> None:
    """Not in what is kept of it, not in what the journal keeps, not in what a task is told, not in a repr."""
    credential, obtained = made()
    wallet.write_credential(running.run, credential, obtained)
    about = (running.run.credential("shop") / wallet.ABOUT).read_text(encoding="utf-8")
    told = (about, credential.record(), described(running.live, credential), credential, obtained)
    assert all(CANARY not in repr(one) for one in told)


def test_secrets_are_known_to_the_redactor(running: LiveRun) -> None:
    """What must be masked is found again by who records the run."""
    wallet.write_credential(running.run, *made())
    assert wallet.masked_of(running.run) == (CANARY,)


def test_a_lease_that_can_be_renewed_lives_as_long_as_the_box() -> None:
    """Its latest end is the box's; one that can't be renewed has its own."""
    assert made()[0].latest_end == BOX_ENDS
    assert made(renewable=False)[0].latest_end == made(renewable=False)[0].expires_at == "2026-11-22T03:05:00Z"


def test_the_latest_end_is_never_before_the_end() -> None:
    """Vault's answer may come a moment late, so a life may end shortly after the box by our clock."""
    assert made(minutes=11)[0].latest_end == "2026-11-22T03:11:00Z"


def test_a_renewal_begins_a_new_life() -> None:
    """It is half over later, and its end is the new one."""
    renewed = made()[0].renewed(NOW + timedelta(minutes=3), timedelta(minutes=5))
    assert (renewed.obtained_at, renewed.expires_at) == ("2026-11-22T03:03:00Z", "2026-11-22T03:08:00Z")
    assert renewed.latest_end == BOX_ENDS
    assert renewed.renewed(NOW, timedelta(hours=1)).latest_end == "2026-11-22T04:00:00Z"


def test_a_credential_serves_only_before_its_end() -> None:
    """One without an end serves for ever."""
    credential, _ = made()
    assert credential.serves_for(timedelta(seconds=30), NOW)
    assert not credential.serves_for(timedelta(minutes=5), NOW)
    assert replace(credential, expires_at="").serves_for(timedelta(days=999), NOW)


def test_no_credential_is_none(running: LiveRun) -> None:
    """A name that nobody used has no credential, and an empty run has none at all."""
    assert wallet.read_credential(running.run, "shop") is None
    assert wallet.credentials_of(running.run) == []


@pytest.mark.parametrize("text", ['{"id": "x"}', '{"strange": 1}', "{", "[", "\x00"])
def test_a_file_that_is_not_ours_is_one_sentence(running: LiveRun, text: str) -> None:
    """A description that was changed or is half there raises no bare error."""
    wallet.write_credential(running.run, *made())
    (running.run.credential("shop") / wallet.ABOUT).write_text(text, encoding="utf-8")
    with pytest.raises(UnusableRunDirectory, match=r"credential\.json"):
        wallet.read_credential(running.run, "shop")


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(timezone.utc)))  # noqa: DTZ001 (as Hypothesis wants it)
def test_a_moment_is_read_as_it_was_written(moment: datetime) -> None:
    """Whole seconds, UTC; the order of the texts is the order of the moments."""
    text = wallet.text_of(moment)
    assert wallet.moment_of(text) == moment.replace(microsecond=0)
    assert (text < wallet.text_of(NOW)) == (moment.replace(microsecond=0) < NOW)


@pytest.mark.parametrize("name", ["a", "database", "a-b_c9", "a" * 32])
def test_a_plain_word_names_a_credential(name: str) -> None:
    """It becomes the name of its directory."""
    assert credential_name({"name": name}) == name


@pytest.mark.parametrize(
    "name",
    ["", "ssh", "A", "1a", "-a", "_a", "a/b", "..", "a.b", "a b", "a\n", "é", "٣a", "a٣", "a" * 33, "\u017f", "None "],
)
def test_what_can_be_no_directory_names_no_credential(name: str) -> None:
    """Paths, capitals, other alphabets and the name of the run's own SSH certificate are refused in a sentence."""
    with pytest.raises(UnusableOrder, match="must be named"):
        credential_name({"name": name})


@pytest.mark.parametrize(("label", "value"), HOSTILE)
def test_hostile_names_stay_below_their_directory(running: LiveRun, label: str, value: object) -> None:
    """A name of the corpus is refused, or is one plain segment."""
    try:
        name = credential_name({"name": value})
    except UnusableOrder:
        return
    assert running.run.credential(name).parent == running.run.credentials, label
