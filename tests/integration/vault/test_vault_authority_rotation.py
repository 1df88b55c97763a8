# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing the SSH certificate authority in a real OpenBao: what a grant sees and may do at each step."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import authority_switch, grant, ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.authorities import (
    public_key,
    standing,
    trusted_keys,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    ForeignObject,
    MissingPath,
    RefusedSwitch,
    UnexpectedAnswer,
    UnfinishedSwitch,
    UnreachableVault,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import SSH_MOUNTS
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import apply, desired, plan
from tests.integration.vault.test_vault_odd_servers import client_of, error, serving
from tests.support.openbao import ACCESSES, DATABASE, WEB, grant_request, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.openbao import PreparedVault

    from breakglass.demo.openbao import OpenBao

NEXT, CURRENT, PREVIOUS = SSH_MOUNTS
KEYS = ssh.generate_key_pair()
REQUEST = ssh.SshRequest(hosts=("web1",), key_id="INC-TEST attempt 1", ttl=timedelta(minutes=2))
ROLE = {"key_type": "ca", "allow_user_certificates": True}
SIGN = {"public_key": KEYS.public_key, "valid_principals": "web1", "key_id": "x", "ttl": "60s", "cert_type": "user"}


@pytest.fixture
def vault(own_openbao: OpenBao) -> Iterator[PreparedVault]:
    """A prepared server of this test's own."""
    own = prepare(own_openbao)
    with own.admin:
        yield own


def begin(vault: PreparedVault) -> None:
    """What `vault apply --next-authority` writes."""
    apply(vault.admin, plan(vault.admin, desired(ACCESSES, further_mounts=[NEXT])))


def granted(vault: PreparedVault) -> Client:
    """A grant of the access web-operator."""
    runner = vault.runner()
    wrapped = grant.mint_wrapped(runner, grant_request())
    return runner.with_token(grant.unwrap(runner, wrapped.token, grant_request()).token)


def test_a_missing_authority_is_the_normal_case(vault: PreparedVault) -> None:
    """A grant sees the one that signs. Of the others Vault says that there is none (404); it denies nothing (403)."""
    web = granted(vault)
    assert trusted_keys(web) == (ssh.ca_public_key(vault.admin),)
    for mount in (NEXT, PREVIOUS):
        with pytest.raises(MissingPath):
            web.get_text(f"{mount}/public_key")


def test_a_login_without_any_right_sees_them_too(vault: PreparedVault) -> None:
    """So that policies of an older version, which do not name the next one, hide it from nobody."""
    begin(vault)
    nobody = vault.admin.with_token(None)
    assert trusted_keys(nobody) == trusted_keys(vault.admin)
    assert len(trusted_keys(nobody)) == 2
    assert public_key(nobody, PREVIOUS) is None


def test_the_next_one_is_trusted_and_does_not_sign(vault: PreparedVault) -> None:
    """A grant gets certificates of the current one, and with its token nothing at all out of the next one."""
    begin(vault)
    web = granted(vault)
    before = ssh.ca_public_key(vault.admin)
    assert set(trusted_keys(web)) == {before, public_key(vault.admin, NEXT)}
    assert ssh.sign(web, WEB.name, KEYS.public_key, REQUEST).ca_public_key == before
    assert web.post(f"{CURRENT}/sign/breakglass-web-operator", SIGN)
    for client in (web, vault.runner(), vault.operator()):
        for path in ("sign/breakglass-web-operator", "sign/breakglass-host", "roles/breakglass-web-operator"):
            with pytest.raises(DeniedByVault):
                client.post(f"{NEXT}/{path}", SIGN)
        with pytest.raises(DeniedByVault):
            client.post(f"{NEXT}/config/ca", {"generate_signing_key": True})


def test_after_the_switch_the_other_one_signs(vault: PreparedVault) -> None:
    """An open grant goes on with the new one; the old one is still trusted, and signs for nobody."""
    begin(vault)
    web = granted(vault)
    old, new = ssh.ca_public_key(vault.admin), public_key(vault.admin, NEXT)
    assert len(authority_switch.switch(vault.admin, ACCESSES)) == 2
    assert standing(vault.admin) == {CURRENT, PREVIOUS}
    assert ssh.sign(web, WEB.name, KEYS.public_key, REQUEST).ca_public_key == new
    assert trusted_keys(web) == (new, old)
    with pytest.raises(DeniedByVault):
        web.post(f"{PREVIOUS}/sign/breakglass-web-operator", SIGN)
    assert authority_switch.switch(vault.admin, ACCESSES) == ()
    assert plan(vault.admin, desired(ACCESSES, further_mounts=[PREVIOUS])) == []


def test_finished_only_the_new_one_is_there(vault: PreparedVault) -> None:
    """The old one is trusted no more, and there is nothing further to finish."""
    begin(vault)
    authority_switch.switch(vault.admin, ACCESSES)
    new = ssh.ca_public_key(vault.admin)
    authority_switch.finish(vault.admin)
    assert (standing(vault.admin), trusted_keys(granted(vault))) == ({CURRENT}, (new,))
    with pytest.raises(RefusedSwitch, match="No rotation is under way"):
        authority_switch.finish(vault.admin)
    assert plan(vault.admin, desired(ACCESSES)) == []


@pytest.mark.parametrize("how", ["a role is missing", "a role differs", "it has no key"])
def test_an_incomplete_next_one_is_not_switched_to(vault: PreparedVault, how: str) -> None:
    """The sentence names what is missing; nothing is moved."""
    begin(vault)
    if how == "a role is missing":
        vault.admin.delete(f"{NEXT}/roles/breakglass-db-operator")
    elif how == "a role differs":
        vault.admin.post(f"{NEXT}/roles/breakglass-db-operator", {**ROLE, "allowed_users": "*"})
    else:
        vault.admin.delete(f"{NEXT}/config/ca")
    said = "certificate authority" if how == "it has no key" else "SSH role breakglass-db-operator"
    with pytest.raises(RefusedSwitch, match=f"{said} at ssh-breakglass-next/"):
        authority_switch.switch(vault.admin, ACCESSES)
    assert standing(vault.admin) == {CURRENT, NEXT}
    begin(vault)
    assert len(authority_switch.switch(vault.admin, ACCESSES)) == 2


def test_a_change_of_the_policy_in_the_middle_is_not_lost(vault: PreparedVault) -> None:
    """What the policy says meanwhile is wanted of the next one too, and the switch waits for it."""
    begin(vault)
    wider = (replace(WEB, hosts=("web1", "web2", "web3")), DATABASE)
    with pytest.raises(RefusedSwitch, match="SSH role breakglass-web-operator at ssh-breakglass-next/"):
        authority_switch.switch(vault.admin, wider)
    apply(vault.admin, plan(vault.admin, desired(wider, further_mounts=[NEXT])))
    authority_switch.switch(vault.admin, wider)
    web3 = replace(REQUEST, hosts=("web3",))
    assert ssh.sign(granted(vault), WEB.name, KEYS.public_key, web3).principals == ("web3",)


class BrokenOff(Client):
    """An admin whose connection is gone after the first move."""

    moved = 0

    def post(self, path: str, body: Mapping[str, object], wrap_ttl: timedelta | None = None) -> Mapping[str, object]:
        if path == "sys/remount":
            if self.moved:
                raise UnreachableVault("the connection broke")
            self.moved += 1
        return super().post(path, body, wrap_ttl)


def test_a_switch_that_was_broken_off_goes_on(vault: PreparedVault) -> None:
    """Meanwhile nothing is signed, and the sentence says how to go on; the old one can't be removed; then it is completed."""
    begin(vault)
    web = granted(vault)
    new = public_key(vault.admin, NEXT)
    with (
        BrokenOff(vault.connection, vault.server.root_token) as broken,
        pytest.raises(UnreachableVault, match="the connection broke"),
    ):
        authority_switch.switch(broken, ACCESSES)
    assert standing(vault.admin) == {NEXT, PREVIOUS}
    with pytest.raises(UnfinishedSwitch, match="breakglass vault authority switch"):
        trusted_keys(web)
    with pytest.raises(UnfinishedSwitch):
        authority_switch.finish(vault.admin)
    vault.admin.delete(
        f"{NEXT}/roles/breakglass-db-operator"
    )  # what is missing can be added afterwards; signing can't wait
    assert len(authority_switch.switch(vault.admin, ACCESSES)) == 1
    assert ssh.sign(web, WEB.name, KEYS.public_key, REQUEST).ca_public_key == new
    assert standing(vault.admin) == {CURRENT, PREVIOUS}


def test_the_way_back_by_hand(vault: PreparedVault) -> None:
    """Two moves, as the guide says, and the old one signs again."""
    begin(vault)
    old = ssh.ca_public_key(vault.admin)
    authority_switch.switch(vault.admin, ACCESSES)
    for source, target in ((CURRENT, NEXT), (PREVIOUS, CURRENT)):
        authority_switch.move(vault.admin, source, target)
    assert ssh.ca_public_key(vault.admin) == old
    assert standing(vault.admin) == {CURRENT, NEXT}
    assert len(authority_switch.switch(vault.admin, ACCESSES)) == 2


class SwitchesMeanwhile(Client):
    """A grant's client that meets a switch after its n-th question."""

    admin: Client
    after = 0
    asked = 0

    def get_text(self, path: str) -> str:
        try:
            return super().get_text(path)
        finally:
            self.asked += 1
            if self.asked == self.after:
                authority_switch.switch(self.admin, ACCESSES)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_switch_between_two_questions_hides_none(vault: PreparedVault, after: int) -> None:
    """Whenever it happens, both are seen: hosts that are being prepared lose the trust in neither."""
    begin(vault)
    both = set(trusted_keys(vault.admin))
    client = SwitchesMeanwhile(vault.connection, None)
    client.admin, client.after = vault.admin, after
    with client:
        assert set(trusted_keys(client)) == both
    assert standing(vault.admin) == {CURRENT, PREVIOUS}


def test_all_of_it_works_inside_a_namespace(own_openbao: OpenBao) -> None:
    """Mounts are found, moved and removed where the namespace has them."""
    Client(Connection(url=own_openbao.url), own_openbao.root_token).post("sys/namespaces/team", {})
    admin = Client(Connection(url=own_openbao.url, namespace="team"), own_openbao.root_token)
    apply(admin, plan(admin, desired(ACCESSES, further_mounts=[NEXT])))
    old, new = ssh.ca_public_key(admin), public_key(admin, NEXT)
    authority_switch.switch(admin, ACCESSES)
    assert trusted_keys(admin) == (new, old)
    authority_switch.finish(admin)
    assert trusted_keys(admin.with_token(None)) == (new,)


@pytest.mark.parametrize("mount", SSH_MOUNTS)
def test_a_foreign_engine_is_left_alone(own_openbao: OpenBao, mount: str) -> None:
    """It is neither moved nor removed, and no key of it is believed."""
    admin = Client(Connection(url=own_openbao.url), own_openbao.root_token)
    admin.post(f"sys/mounts/{mount}", {"type": "kv"})
    admin.post(f"{mount}/public_key", {"public_key": KEYS.public_key})
    for step in (
        lambda: standing(admin),
        lambda: authority_switch.switch(admin, ACCESSES),
        lambda: authority_switch.finish(admin),
    ):
        with pytest.raises(ForeignObject, match=rf"{mount}/ \(SSH\): an engine of type kv .* left alone"):
            step()
    assert trusted_keys(admin.with_token(None)) == ()
    with pytest.raises(UnexpectedAnswer, match="no SSH public key"):
        public_key(admin, mount)


def test_a_vault_that_is_not_there_is_an_error() -> None:
    """Only what Vault says counts as missing."""
    with Client(Connection(url="http://127.0.0.1:9", retries=0), None) as client, pytest.raises(UnreachableVault):
        trusted_keys(client)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"ssh-ed25519 AAAA",
        b"<html>login</html>",
        b'{"data": {}}',
        KEYS.public_key.encode() + b"\xff",
        b"x" * 20_000,
        KEYS.private_key,
    ],
    ids=["nothing", "a line", "half a key", "a page", "json", "not ascii", "endless", "a private key"],
)
def test_what_is_no_key_is_never_trusted(text: bytes) -> None:
    """A proxy's page, a broken key, an endless text: an error, not a line in a host's file."""
    with serving((200, {}, text)) as server, client_of(server) as client, pytest.raises(UnexpectedAnswer):
        trusted_keys(client)


def test_a_key_becomes_one_line_whatever_comes_with_it() -> None:
    """A comment, or a second line that would be another key, does not get into the files of hosts."""
    other = ssh.generate_key_pair().public_key
    text = f"{KEYS.public_key} comment\n{other}\n".encode()
    with serving((200, {}, text)) as server, client_of(server) as client:
        assert trusted_keys(client) == (KEYS.public_key,)


def told(data: Mapping[str, object]) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"data": data}).encode()


QUEUED = (200, {}, b'{"migration_id": "ab-1"}')
SSH = {"type": "ssh"}
THERE_STILL, THERE_NOW = told({f"{CURRENT}/": SSH}), told({f"{PREVIOUS}/": SSH})


def status(word: str) -> tuple[int, dict[str, str], bytes]:
    return told({"migration_info": {"status": word}})


@pytest.mark.parametrize(
    ("script", "waits"),
    [
        ([QUEUED, status("success")], 0),
        ([QUEUED, status("in-progress"), status("in-progress"), status("success")], 2),
        ([(204, {}, b""), THERE_NOW], 0),
        ([(204, {}, b""), THERE_STILL, THERE_NOW], 1),
        ([QUEUED, error(404), THERE_STILL, error(404), THERE_NOW], 1),
    ],
)
def test_a_move_is_waited_for(script: list[tuple[int, dict[str, str], bytes]], waits: int) -> None:
    """By its state, or, of a Vault that moves at once or has lost the state, by where the mounts are."""
    pauses: list[float] = []
    with serving(*script) as server, client_of(server) as client:
        authority_switch.move(client, CURRENT, PREVIOUS, pauses.append)
    assert len(pauses) == waits
    assert len(server.asked) == len(script)


def test_a_move_that_fails_or_never_ends_is_told() -> None:
    """By a sentence that names both places, and Vault's log."""
    with (
        serving(QUEUED, status("failure")) as server,
        client_of(server) as client,
        pytest.raises(RefusedSwitch, match="ssh-breakglass/ to ssh-breakglass-previous/; its log says why"),
    ):
        authority_switch.move(client, CURRENT, PREVIOUS)
    with (
        serving(QUEUED, status("in-progress")) as server,
        client_of(server) as client,
        pytest.raises(UnreachableVault, match="not moved to ssh-breakglass-previous/ in time"),
    ):
        authority_switch.move(client, CURRENT, PREVIOUS, lambda _: None)
