# SPDX-License-Identifier: GPL-3.0-or-later
"""A sign-in that a browser has begun: all that is derived from its secret, and that none of it says the secret."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection

from breakglass.errors import BreakglassError
from breakglass.identity import Identity
from breakglass.signing_in import Begun, NoSignIn, SignIn
from breakglass.store.database import Database
from breakglass.store.sessions import Sessions
from breakglass.vault_session import VaultSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Identity]:
    """Of a runner that has not logged in to its Vault."""
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    vault = Connection(url="http://127.0.0.1:9", retries=0)
    yield Identity(VaultSession(vault, tmp_path / "role_id", tmp_path / "secret_id", Sessions(database)))
    database.close()


def test_the_challenge_is_the_verifier_s_digest() -> None:
    """As RFC 7636 has it (4.1, 4.2): 43 characters that need no escaping, S256."""
    begun = Begun("secret")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", begun.verifier)
    digest = urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).decode().rstrip("=")
    assert begun.challenge == digest


def test_nothing_of_it_tells_another_part() -> None:
    """State and nonce go through addresses; who reads them can redeem no code. Each sign-in has others."""
    parts = [getattr(Begun(secret), name) for secret in ("one", "other") for name in ("state", "nonce", "verifier")]
    assert len(set(parts)) == len(parts)
    assert "one" not in repr(Begun("one"))


@pytest.mark.parametrize(
    ("address", "why"), [("", "no `public_url`"), ("http://breakglass.example.com/signed-in", "by https alone")]
)
def test_an_address_that_no_session_can_be_kept_at_is_said(identity: Identity, address: str, why: str) -> None:
    """Before anybody types a password for nothing, and before Vault is asked."""
    with pytest.raises(NoSignIn, match=why):
        SignIn(identity, "https://vault.example.com", address).address(Begun("secret"))


@pytest.mark.parametrize("address", ["https://breakglass.example.com/signed-in", "http://127.0.0.1:8443/signed-in"])
def test_other_addresses_go_on_to_vault(identity: Identity, address: str) -> None:
    """To which this runner has not logged in."""
    with pytest.raises(BreakglassError) as caught:
        SignIn(identity, "https://vault.example.com", address).address(Begun("secret"))
    assert not isinstance(caught.value, NoSignIn)
