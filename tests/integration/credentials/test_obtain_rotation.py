# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are rotated under a grant, and certificates for hosts that outlive it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.forms import UnwritableForm
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED, REFUSED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki_host import PkiHostOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.rotation import (
    HalfRotation,
    RotationOrder,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import masked_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import PkiHostRole, StaticRole
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, whole
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    Failure,
    InvalidRequest,
    MissingPath,
    UnreachableVault,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.rotation import (
    KeptValue,
    Rotatable,
    StaticPassword,
    Value,
)
from tests.integration.credentials.engines import CANARY, pki_order
from tests.integration.credentials.test_access_advice import said
from tests.support.postgresql import RefusedStatement

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL

FIRST: Final = f"{CANARY}-of-old"
STORED: Final = KeptValue("kv", "shop/rotated", "password")
FIXED: Final = StaticPassword("database", "fixed")


def order(
    source: Rotatable,
    older_than: timedelta = timedelta(0),
    form: str = "plain",
    key: str = "password",
    *,
    look: bool = False,
) -> RotationOrder:
    return RotationOrder("rotation", source, older_than, form, key, look)


def file_of(granted: LiveRun, name: str = "secret") -> str:
    return (granted.run.credential("rotation") / name).read_text(encoding="ascii")


@pytest.fixture
def stored(vault: PreparedVault) -> int:
    """A secret of a store with two values; the version that it has."""
    answer = vault.admin.post("kv/data/shop/rotated", {"data": {"user": "shop", "password": FIRST}})
    return whole(section(answer, "data"), "version")


@pytest.fixture
def fixed(vault: PreparedVault, databases: PostgreSQL) -> PostgreSQL:
    """A user of the database whose password Vault keeps."""
    if not databases.exists("fixed"):
        databases.sql("CREATE ROLE fixed LOGIN PASSWORD 'old'")
    vault.admin.post("database/config/shop", {"allowed_roles": ["shop", "fixed"]})
    role = {"db_name": "shop", "username": "fixed", "rotation_period": "24h"}
    vault.admin.post("database/static-roles/fixed", role)
    return databases


def test_a_stored_secret_gets_a_new_random_version(granted: LiveRun, vault: PreparedVault, stored: int) -> None:
    """The named value is new, the others stay; the file holds what the store holds; nothing of it is told."""
    credential, new = obtain(granted.live, order(STORED))
    now = section(section(vault.admin.get("kv/data/shop/rotated"), "data"), "data")
    assert (new, credential.facts["rotated"], credential.facts["version"]) == (True, True, stored + 1)
    assert now["user"] == "shop"
    assert file_of(granted) == now["password"] != FIRST
    assert len(str(now["password"])) == 32
    assert str(now["password"]) in masked_of(granted.run)
    assert str(now["password"]) not in repr(credential) + granted.everything_written()
    assert granted.kinds == [ASKED, OBTAINED]
    what = f"the secret kv/data/shop/rotated (version {stored + 1})"
    assert granted.close().remains == (f"{what} was read, which nothing undoes",)


def test_within_a_run_it_is_rotated_once(granted: LiveRun, stored: int) -> None:
    """The same order again is the same secret."""
    first, _ = obtain(granted.live, order(STORED))
    assert obtain(granted.live, order(STORED)) == (first, False)
    assert first.facts["version"] == stored + 1


@pytest.mark.parametrize("look", [True, False])
def test_what_is_new_enough_stays_and_check_mode_rotates_nothing(
    granted: LiveRun,
    stored: int,
    look: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """The file holds the present value; check mode says what would be."""
    age = timedelta(0) if look else timedelta(hours=1)
    credential, _ = obtain(granted.live, order(STORED, age, look=look))
    assert (credential.facts["rotated"], credential.facts["version"]) == (look, stored)
    assert file_of(granted) == FIRST


def test_it_is_written_in_the_form_that_its_reader_wants(granted: LiveRun, stored: int) -> None:
    """Here JSON."""
    obtain(granted.live, order(STORED, timedelta(hours=1), "json"))
    assert json.loads(file_of(granted, "secret.json")) == {"user": "shop", "password": FIRST}
    assert stored


def test_what_could_not_be_written_is_not_rotated(granted: LiveRun, vault: PreparedVault, stored: int) -> None:
    """A form or a value that the secret does not fit is known before the old one is gone."""
    vault.admin.post("kv/data/shop/rotated", {"data": {"password": FIRST, "a b": "c"}})
    with pytest.raises(UnwritableForm):
        obtain(granted.live, order(STORED, form="environment"))
    with pytest.raises(UnusableRequest, match=r"no text 'pasword'\. It has: a b, password"):
        obtain(granted.live, order(KeptValue("kv", "shop/rotated", "pasword")))
    with pytest.raises(UnusableOrder, match="named by key"):
        order(STORED, key="")
    version = section(section(vault.admin.get("kv/data/shop/rotated"), "data"), "metadata")["version"]
    assert version == stored + 1
    assert granted.kinds == [ASKED, REFUSED] * 2


def test_another_writer_is_not_overwritten(vault: PreparedVault, stored: int) -> None:
    """A version that somebody wrote meanwhile is theirs."""
    before = STORED.read(vault.admin)
    vault.admin.post("kv/data/shop/rotated", {"data": {"password": "theirs"}})
    with pytest.raises(InvalidRequest, match="this run has written nothing"):
        STORED.rotate(vault.admin, before)
    assert (STORED.read(vault.admin).values, before.version) == ({"password": "theirs"}, stored)


@pytest.mark.parametrize(
    ("source", "error"),
    [(KeptValue("kv", "shop/none", "password"), MissingPath), (KeptValue("kv", "other", "x"), DeniedByVault)],
)
def test_only_what_is_there_and_open_is_rotated(granted: LiveRun, source: Rotatable, error: type[Exception]) -> None:
    """A rotation makes no secret where there was none."""
    with pytest.raises(error):
        obtain(granted.live, order(source))
    assert granted.kinds == [ASKED, REFUSED]


def test_a_grant_writes_no_other_secret(granted: LiveRun, vault: PreparedVault, stored: int) -> None:
    """Vault's own rules: neither another path, nor another parameter, nor a deletion."""
    own = vault.admin.with_token(granted.run.token.read_text(encoding="ascii"))
    body = {"data": {"password": "x"}}
    with pytest.raises(DeniedByVault):
        own.post("kv/data/shop/rotated", {**body, "other": True})
    with pytest.raises(DeniedByVault):
        own.post("kv/data/shop/api", {**body, "options": {"cas": 3}})
    with pytest.raises(DeniedByVault):
        own.delete("kv/data/shop/rotated")
    assert STORED.read(vault.admin).version == stored


def test_the_password_of_a_database_user_is_changed_in_the_database(granted: LiveRun, fixed: PostgreSQL) -> None:
    """The old one is refused, the new one lets in."""
    old, _ = obtain(granted.live, order(FIXED, look=True))
    before = file_of(granted)
    renamed = RotationOrder("again", FIXED, timedelta(0), "plain", "password", only_look=False)
    credential, _ = obtain(granted.live, renamed)
    after = (granted.run.credential("again") / "secret").read_text(encoding="ascii")
    assert (old.facts["rotated"], credential.facts["key_names"]) == (True, ["password", "username"])
    with pytest.raises(RefusedStatement, match="password authentication failed"):
        fixed.sql_as("fixed", before, "SELECT 1")
    assert fixed.sql_as("fixed", after, "SELECT 1") == [("1",)]


class Broken:
    """A source that answers the rotation, and then as it is told."""

    path = "x/y"

    def __init__(self, *, answers: bool, again: Value | Exception) -> None:
        self.answers, self.again, self.asked = answers, again, 0

    def read(self, client: Client) -> Value:
        self.asked += 1
        if self.asked == 1:
            return Value({"password": FIRST}, datetime(2026, 1, 1, tzinfo=UTC))
        if isinstance(self.again, Exception):
            raise self.again
        return self.again

    def rotate(self, client: Client, now: Value) -> None:
        if not self.answers:
            raise UnreachableVault("no answer", Failure("POST x/y", "", outcome_unknown=True))


@pytest.mark.parametrize(
    ("source", "said_so"),
    [
        (Broken(answers=False, again=Exception()), "Nobody knows whether x/y was rotated: no answer"),
        (Broken(answers=True, again=UnreachableVault("gone")), "x/y was rotated, the old value is gone, and"),
        (
            Broken(answers=True, again=Value({"password": FIRST}, datetime(2026, 1, 1, tzinfo=UTC))),
            "x/y is the same after",
        ),
    ],
)
def test_a_half_rotation_says_in_which_state_it_is(granted: LiveRun, source: Broken, said_so: str) -> None:
    """Its intent stands alone in the journal: nobody says that nothing was made."""
    with pytest.raises(HalfRotation) as error:
        obtain(granted.live, order(source))
    assert str(error.value).startswith(said_so)
    assert granted.kinds == [ASKED]


def test_the_certificate_of_a_host_outlives_the_grant(granted: LiveRun) -> None:
    """It lives as long as it was asked for, and the end of the run says so."""
    wanted = PkiHostOrder("pki", "cred-pki", "unleased", "shop.example", (), (), timedelta(hours=20))
    credential, _ = obtain(granted.live, wanted)
    assert credential.expires_at > f"{datetime.now(tz=UTC) + timedelta(hours=19):%Y-%m-%dT%H:%M:%SZ}"
    assert set(credential.files) == {"certificate.pem", "chain.pem", "private_key.pem"}
    assert credential.kind == "pki_host"
    assert granted.close().remains == (f"{credential.what} expires at {credential.expires_at}",)


def test_a_host_certificate_that_would_be_revoked_at_closing_is_refused(granted: LiveRun) -> None:
    """A lease is taken back at once, and the sentence says how to set the role."""
    with pytest.raises(UnusableOrder, match="generate_lease=false"):
        obtain(granted.live, PkiHostOrder("pki", "cred-pki", "leased", "shop.example", (), (), timedelta(hours=20)))
    assert granted.kinds == [ASKED, REFUSED]
    assert pki_order().name == "pki"


def test_what_such_an_access_needs_in_vault_is_said(vault: PreparedVault) -> None:
    """A role with leases, and a static role that nobody made."""
    (leased,) = said(vault, PkiHostRole("cred-pki", "leased"))
    assert "generate_lease is on" in leased
    assert said(vault, PkiHostRole("cred-pki", "unleased")) == []
    (missing,) = said(vault, StaticRole("database", "absent"))
    assert "it is not there" in missing
