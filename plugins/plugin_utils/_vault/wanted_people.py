# SPDX-License-Identifier: GPL-3.0-or-later
"""What must stand in Vault so that people can ask and approve: groups, an engine for codes, a way to sign in at our pages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .names import IDENTITY_NAME, SIGN_IN_CLIENT_PATH, SIGN_IN_PROVIDER_PATH, TOTP_MOUNT
from .objects import OURS, Kind, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

SIGN_IN_SECONDS: Final = 300
"""How long what Vault says at a sign-in is good for; our own session is begun with it at once."""


def people(groups: Collection[str]) -> Iterator[Wanted]:
    """Yield what these groups need; nothing where the policy names none. Who is in a group is the admin's to say."""
    if not groups:
        return
    yield Wanted(
        Kind.SECRETS_MOUNT,
        f"{TOTP_MOUNT}/ (second factors)",
        f"sys/mounts/{TOTP_MOUNT}",
        {"type": "totp", "description": OURS},
    )
    for name in sorted(groups):
        yield Wanted(
            Kind.MADE_ONCE,
            f"identity group {name}",
            f"identity/group/name/{name}",
            {"type": "internal", "metadata": {"made_by": OURS}},
        )


def sign_in(redirect_uri: str) -> Iterator[Wanted]:
    """Yield what a browser needs to sign in at our pages by Vault's (OpenID Connect, authorization code, PKCE).

    Args:
        redirect_uri: Where Vault may send the browser back to; empty where there are no pages.
    """
    if not redirect_uri:
        return
    client = {
        "key": IDENTITY_NAME,
        "client_type": "public",
        "redirect_uris": [redirect_uri],
        "assignments": ["allow_all"],  # to be known is no right: groups are asked for live, for each question
        "id_token_ttl": SIGN_IN_SECONDS,
        "access_token_ttl": SIGN_IN_SECONDS,
    }
    yield Wanted(Kind.ROLE, f"sign-in client {IDENTITY_NAME}", SIGN_IN_CLIENT_PATH, client)
    yield Wanted(Kind.ROLE, f"sign-in provider {IDENTITY_NAME}", SIGN_IN_PROVIDER_PATH, {"allowed_client_ids": ["*"]})
