# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold, anchors and signatures."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import hold
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    AnchorConflict,
    DeniedByVault,
    MissingPath,
    UnexpectedAnswer,
    UnreadableHold,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.transit import TransitSigner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.openbao import PreparedVault

    from breakglass.demo.openbao import OpenBao

NOW = datetime(2026, 11, 22, 3, 7, tzinfo=UTC)
HOLD = "kv/data/breakglass/hold"


@pytest.fixture
def no_hold(prepared: PreparedVault) -> Iterator[Client]:
    """The admin, with no hold before and after."""
    prepared.admin.delete("kv/metadata/breakglass/hold")
    yield prepared.admin
    prepared.admin.delete("kv/metadata/breakglass/hold")


@pytest.fixture
def origin() -> str:
    """An origin that no other test has."""
    return f"breakglass.example.com/{uuid.uuid4().hex}/play-1"


def test_a_hold_is_set_read_at_each_door_and_lifted(no_hold: Client, runner: Client, operator: Client) -> None:
    """What the runner sets the operator reads; after lifting nothing stands."""
    pressed = hold.Hold(reason="storm", person="ada", since=NOW)
    assert hold.read_hold(runner) is None
    hold.write_hold(runner, pressed)
    assert hold.read_hold(operator) == pressed
    hold.lift_hold(runner, "storm is over", "ben", NOW)
    assert hold.read_hold(operator) is None


def test_a_deleted_hold_does_not_stand(no_hold: Client) -> None:
    """Deleting the newest version lifts it, too."""
    hold.write_hold(no_hold, hold.Hold(reason="storm", person="ada", since=NOW))
    no_hold.delete(HOLD)
    assert hold.read_hold(no_hold) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"held": "no"},
        {"held": None},
        {"held": 0},
        {"held": True},
        {"held": True, "reason": "x", "person": "y", "since": "yesterday", "scope": "global"},
        {"surprise": ["{{ 7*7 }}"]},
    ],
)
def test_a_hold_that_cannot_be_understood_stands(no_hold: Client, fields: dict[str, object]) -> None:
    """Only `held: false` lifts; anything else stands as an unreadable hold."""
    no_hold.post(HOLD, {"data": fields})
    found = hold.read_hold(no_hold)
    assert found is not None
    assert found.reason.startswith("unreadable hold")


@pytest.mark.parametrize(("held", "stands"), [("true", True), ("false", False)])
def test_a_hold_written_by_hand_is_understood(no_hold: Client, held: str, stands: object) -> None:
    """`vault kv put … held=true reason=… person=… since=…` writes texts and no scope."""
    no_hold.post(HOLD, {"data": {"held": held, "reason": "freeze", "person": "ada", "since": NOW.isoformat()}})
    found = hold.read_hold(no_hold)
    assert (found is not None) is stands
    assert found is None or (found.reason, found.person, found.scope) == ("freeze", "ada", "global")


def test_a_hold_that_may_not_be_read_stops(prepared: PreparedVault) -> None:
    """A login without the right to read it gets an error, not "no hold"."""
    auth = prepared.admin.post("auth/token/create", {"policies": ["default"]})["auth"]
    assert isinstance(auth, dict)
    with pytest.raises(DeniedByVault):
        hold.read_hold(prepared.admin.with_token(str(auth["client_token"])))


def test_a_vault_that_was_not_prepared_stops(own_openbao: OpenBao) -> None:
    """No engine at that place is not "no hold"."""
    client = Client(Connection(url=own_openbao.url), own_openbao.root_token)
    with pytest.raises(UnreadableHold, match="breakglass vault apply"):
        hold.read_hold(client)


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"person": ""}, {"since": None}])
def test_a_hold_needs_reason_person_and_time(no_hold: Client, wrong: dict[str, str]) -> None:
    """Nothing is written without them."""
    fields = {"reason": "storm", "person": "ada", "since": NOW} | wrong
    with pytest.raises(UnusableRequest):
        hold.write_hold(no_hold, hold.Hold(**fields))
    assert hold.read_hold(no_hold) is None


def test_the_newest_anchor_is_the_largest(runner: Client, origin: str) -> None:
    """Sizes count as numbers; anchors of a longer origin don't mix in."""
    anchors = VaultAnchors(runner)
    assert anchors.newest(origin) is None
    for size in (9, 100, 20):
        anchors.put(origin, size, f"note {size}\n")
    anchors.put(f"{origin}/500", 1000, "another stream")
    assert anchors.newest(origin) == (100, "note 100\n")


def test_an_anchor_can_be_put_again_but_not_changed(prepared: PreparedVault, runner: Client, origin: str) -> None:
    """The same note passes for runner and admin; another one is a conflict for both."""
    for client in (runner, prepared.admin):
        VaultAnchors(client).put(origin, 5, "note")
        VaultAnchors(client).put(origin, 5, "note")
        with pytest.raises(AnchorConflict, match="forked or rolled back"):
            VaultAnchors(client).put(origin, 5, "other")
    assert VaultAnchors(runner).newest(origin) == (5, "note")


def test_a_deleted_anchor_is_told(prepared: PreparedVault, runner: Client, origin: str) -> None:
    """One that is listed without its note is not skipped."""
    VaultAnchors(runner).put(origin, 5, "note")
    prepared.admin.delete(f"kv/data/breakglass/anchors/{origin}/5")
    with pytest.raises(AnchorConflict, match="deleted"):
        VaultAnchors(runner).newest(origin)


@pytest.mark.parametrize("bad", ["", "a//b", "../hold", "a/../b", "a b", "a/", "é", "a\n", "..", "a/./b"])
def test_a_bad_origin_is_never_sent(runner: Client, bad: str) -> None:
    """An origin can't leave its place."""
    with pytest.raises(UnusableRequest):
        VaultAnchors(runner).put(bad, 1, "note")
    with pytest.raises(UnusableRequest):
        VaultAnchors(runner).newest(bad)


def test_signatures_verify_also_after_a_rotation(prepared: PreparedVault, runner: Client) -> None:
    """A signature names the key version that made it, and verifies with that version's public key."""
    signer = TransitSigner(runner)
    first = signer.sign(b"checkpoint")
    prepared.admin.post("transit/keys/breakglass-journal/rotate", {})
    second = signer.sign(b"checkpoint")
    keys = dict(signer.public_keys())
    assert first[0] != second[0]
    assert all(name.startswith("breakglass-journal/v") for name in keys)
    for name, signature in (first, second):
        Ed25519PublicKey.from_public_bytes(keys[name]).verify(signature, b"checkpoint")
    assert next(reversed(keys)) == second[0]


def test_a_key_of_another_type_is_told(prepared: PreparedVault) -> None:
    """A key that is no Ed25519 key is not taken for one."""
    prepared.admin.post("transit/keys/test-rsa", {"type": "ecdsa-p256"})
    signer = TransitSigner(prepared.admin, "test-rsa")
    with pytest.raises(UnexpectedAnswer, match="Ed25519"):
        signer.public_keys()
    with pytest.raises(UnexpectedAnswer, match="Ed25519"):
        signer.sign(b"x")


def test_a_key_that_is_not_there_is_told(prepared: PreparedVault) -> None:
    """A missing key is a missing path."""
    with pytest.raises(MissingPath):
        TransitSigner(prepared.admin, "test-none").public_keys()
