# SPDX-License-Identifier: GPL-3.0-or-later
"""What an identity token must be, told by the clock of the runner's machine, which may be wrong."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from breakglass.identity import KEYS_GOOD_FOR_SECONDS, Identity, UnknownPerson, _claims

if TYPE_CHECKING:
    from breakglass.vault_session import VaultSession

KEY: Final = Ed25519PrivateKey.generate()
KEYS: Final = {"keys": [{**json.loads(OKPAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "alg": "EdDSA"}]}
AN_HOUR: Final = 3600


def token(apart: int, **other: object) -> str:
    """One that Vault signs now for five minutes, when this machine's clock is so far ahead of Vault's."""
    now = int(time.time()) - apart
    claims = {"sub": "e1", "aud": "breakglass", "iat": now, "exp": now + 300, **other}
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})


@pytest.mark.parametrize("apart", [-20, 0, 20])
def test_a_token_says_who_it_is_also_by_a_clock_that_is_a_little_wrong(apart: int) -> None:
    """Half a minute does not matter."""
    assert _claims(token(apart), KEYS, "breakglass")["sub"] == "e1"


@pytest.mark.parametrize(
    ("apart", "words"), [(AN_HOUR, "is ahead of Vault's"), (-AN_HOUR, "is behind Vault's; set it right (date -u, NTP)")]
)
def test_a_fresh_token_that_is_refused_because_of_the_clock_says_so(apart: int, words: str) -> None:
    """Whoever asks has done nothing wrong, and is not told that the token was changed."""
    with pytest.raises(UnknownPerson) as refused:
        _claims(token(apart), KEYS, "breakglass")
    assert words in str(refused.value)


def test_a_token_of_another_audience_is_refused() -> None:
    """However fresh it is."""
    with pytest.raises(UnknownPerson, match="not one of Vault's role breakglass"):
        _claims(token(0, aud="other"), KEYS, "breakglass")


def test_a_guess_is_told_from_a_token_without_vault() -> None:
    """By the keys that were seen a moment ago; where there are none, everything may be a token, but nothing is none."""
    identity, good = Identity(cast("VaultSession", None)), token(0)
    assert (identity.may_be_one(good), identity.may_be_one("a.b.c"), identity.may_be_one("")) == (True, True, False)
    identity._seen.keys, identity._seen.audience, identity._seen.at = KEYS, "breakglass", time.monotonic()
    assert identity.may_be_one(good)
    for guess in ("", "x", "a.b.c", good[:-4], token(AN_HOUR), token(0, aud="other"), good * 100):
        assert not identity.may_be_one(guess), guess
    identity._seen.at -= KEYS_GOOD_FOR_SECONDS + 1
    assert (identity.may_be_one("a.b.c"), identity.may_be_one("")) == (True, False)
