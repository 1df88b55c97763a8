# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets under a grant: read, or made and taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.forms import UnwritableForm
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED, REFUSED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import TakenName, obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import masked_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest
from tests.integration.credentials.engines import CANARY, dynamic_order, kv_order, lease_left

if TYPE_CHECKING:
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault


def leases(vault: PreparedVault) -> set[str]:
    try:
        keys = section(vault.admin.list("sys/leases/lookup/cred-pki/issue/leased"), "data")["keys"]
    except MissingPath:
        return set()
    return {str(key) for key in keys} if isinstance(keys, list) else set()


@pytest.mark.parametrize(("version", "found"), [(0, 3), (1, 1), (3, 3)])
def test_a_chosen_version_is_read(granted: LiveRun, version: int, found: int) -> None:
    """The newest, or the one that was asked for; closing says that it was read."""
    credential, _ = obtain(granted.live, kv_order(version=version))
    text = (granted.run.credential("secret") / "environment").read_text(encoding="ascii")
    assert text.splitlines() == [f"password='{CANARY}-{found}'", f"user='u{found}'"]
    assert credential.facts["version"] == found
    assert granted.close().remains == (f"the secret kv/data/shop/api (version {found}) was read, which nothing undoes",)


@pytest.mark.parametrize(
    "order",
    [kv_order(version=2), kv_order(version=9), kv_order("shop/nothing")],
    ids=["deleted", "never there", "no such secret"],
)
def test_what_is_not_there_is_one_sentence(granted: LiveRun, order: SecretOrder) -> None:
    """A deleted version, a version to come, and a secret that nobody wrote."""
    with pytest.raises(MissingPath, match=r"no secret shop/\w+ in kv/.*Check path, engine_mount_point and version"):
        obtain(granted.live, order)
    assert granted.kinds == [ASKED, REFUSED]
    assert granted.close().remains == ()


def test_what_the_access_does_not_open_is_denied(granted: LiveRun) -> None:
    """Another path of the same store."""
    with pytest.raises(DeniedByVault):
        obtain(granted.live, kv_order("other/api"))
    assert granted.kinds == [ASKED, REFUSED]


def test_one_value_is_written_exactly(granted: LiveRun) -> None:
    """Plain, without a newline at its end, and nothing of it in what is told."""
    credential, _ = obtain(granted.live, kv_order(form="plain", key="password"))
    assert (granted.run.credential("secret") / "secret").read_bytes() == f"{CANARY}-3".encode()
    assert CANARY not in repr(credential)
    assert f"{CANARY}-3" in masked_of(granted.run)


def test_a_key_that_is_not_there_is_refused_by_name(granted: LiveRun) -> None:
    """The sentence names the keys, not the values, and nothing is written."""
    with pytest.raises(UnwritableForm, match="It has: password, user") as refused:
        obtain(granted.live, kv_order(form="plain", key="pasword"))
    assert CANARY not in str(refused.value)
    assert granted.kinds == [ASKED, REFUSED]
    assert not granted.run.credential("secret").exists()


def test_what_lies_deep_is_masked_too(granted: LiveRun) -> None:
    """A secret of lists and mappings is written as JSON, and each of its texts is masked by itself."""
    obtain(granted.live, kv_order("shop/deep", form="json"))
    text = (granted.run.credential("secret") / "secret.json").read_text(encoding="ascii")
    assert json.loads(text) == {"nested": {"password": CANARY}, "list": [CANARY]}
    assert set(masked_of(granted.run)) == {CANARY}


def test_a_store_of_version_1_is_read(granted: LiveRun) -> None:
    """Without versions."""
    request = SecretRequest(Engine.KV1, "old-kv", "shop")
    credential, _ = obtain(granted.live, SecretOrder("old", request, "environment", ""))
    assert (granted.run.credential("old") / "environment").read_text(encoding="ascii") == f"password='{CANARY}'\n"
    assert credential.facts["version"] == 0


def test_what_an_engine_made_is_taken_back(granted: LiveRun, vault: PreparedVault) -> None:
    """A dynamic secret has a lease, which closing revokes and proves gone."""
    order = dynamic_order("issue/leased", {"common_name": "shop.example", "ttl": "5m"})
    credential, _ = obtain(granted.live, order)
    written = json.loads((granted.run.credential("made") / "secret.json").read_bytes())
    assert written["private_key"].startswith("-----BEGIN")
    assert written["private_key"].splitlines()[1] not in granted.everything_written()
    assert lease_left(vault.admin, credential.lease_id) is not None
    closed = granted.close()
    assert (closed.proof.lease_ids, closed.remains) == ((credential.lease_id,), ())
    assert lease_left(vault.admin, credential.lease_id) is None


def test_what_can_not_be_written_is_taken_back_at_once(granted: LiveRun, vault: PreparedVault) -> None:
    """The engine has made it, the form can't hold it: its lease is gone before the error is seen."""
    request = dynamic_order("issue/leased", {"common_name": "shop.example", "ttl": "5m"}).request
    before = leases(vault)
    with pytest.raises(UnwritableForm):
        obtain(granted.live, SecretOrder("made", request, "environment", ""))
    assert granted.kinds == [ASKED, REFUSED]
    assert leases(vault) == before
    assert granted.close().proof.lease_ids == ()


def test_the_same_order_is_the_same_secret(granted: LiveRun) -> None:
    """Read once; another path, version or form under the taken name is refused."""
    first, _ = obtain(granted.live, kv_order())
    assert obtain(granted.live, kv_order()) == (first, False)
    for other in (kv_order("shop/deep"), kv_order(version=1), kv_order(form="json")):
        with pytest.raises(TakenName, match="option name"):
            obtain(granted.live, other)
    assert granted.kinds == [ASKED, OBTAINED]
