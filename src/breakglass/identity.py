# SPDX-License-Identifier: GPL-3.0-or-later
"""Who somebody is: a short-lived identity token of Vault says it, and Vault's identity store says it again, live.

The token is checked by Vault's published keys (RFC 7517, RFC 7519; EdDSA only, for our own role); then the entity is
read: a token does not know that its entity was disabled or left a group since. No Vault token of a person comes here.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jwt
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts, truth
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import IDENTITY_ROLE_PATH

from breakglass.domain.requests import Person
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.vault_session import VaultSession

KEYS_PATH = "identity/oidc/.well-known/keys"
LONGEST_TOKEN = 8192
CLOCK_SLACK_SECONDS = 30
KEYS_GOOD_FOR_SECONDS = 10
PERSON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}", re.ASCII)
"""It is the name of a key in Vault's TOTP engine, too."""


class UnknownPerson(BreakglassError):
    """Raised when a token does not prove who somebody is, or Vault does not know them any more."""


@dataclass
class _Seen:
    """By what the last token was checked: enough to tell guesses from tokens, not to trust one."""

    keys: object = None
    audience: str = ""
    at: float = float("-inf")


@dataclass(frozen=True)
class Identity:
    """Checks tokens with the runner's own session."""

    session: VaultSession
    _seen: _Seen = field(default_factory=_Seen)

    def entity(self, token: str) -> str:
        """Tell whose token it is; whether Vault still knows them is asked with `now`.

        Raises:
            UnknownPerson: None of Vault's keys signed it for us, or it is not fresh.
            BreakglassError: Vault can't be asked.
        """
        if not token:
            raise UnknownPerson("Send an identity token of Vault as bearer token.")
        audience = text(section(self.session.client().get(IDENTITY_ROLE_PATH), "data"), "client_id")
        self._seen.audience = audience
        return str(self.claims(token, audience)["sub"])

    def claims(self, token: str, audience: str) -> Mapping[str, object]:
        """What a token says, if one of Vault's keys signed it for this audience and it is fresh. Raises as `entity`."""
        keys = self.session.client().get(KEYS_PATH)
        self._seen.keys, self._seen.at = keys, time.monotonic()
        return _claims(token, keys, audience)

    def may_be_one(self, token: str) -> bool:
        """Whether it is worth asking Vault about a token: one of its keys, as they were a moment ago, has signed it.

        Where they were not seen for longer, every token is; so they are seen again.
        """
        if token and time.monotonic() > self._seen.at + KEYS_GOOD_FOR_SECONDS:
            return True
        try:
            _claims(token, self._seen.keys, self._seen.audience)
        except UnknownPerson:
            return False
        return True

    def now(self, entity: str) -> Person:
        """Tell who an entity is now, and in which groups. Raises UnknownPerson where Vault does not know them any more, BreakglassError."""
        return _live(self.session.client(), entity)


def _claims(token: str, keys: object, audience: str) -> Mapping[str, object]:
    if len(token) > LONGEST_TOKEN:
        raise _unknown("it is longer than any identity token")
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        known = jwt.PyJWKSet.from_dict(keys if isinstance(keys, dict) else {})
        key = next((key for key in known.keys if key.key_id == key_id), None)
        if key is None:
            raise _unknown("none of Vault's keys signed it; get a new one")
        claims: dict[str, object] = jwt.decode(
            token,
            key.key,
            algorithms=["EdDSA"],
            audience=audience,
            leeway=CLOCK_SLACK_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud"]},
        )
    except jwt.ExpiredSignatureError:
        raise _unknown(
            "it has expired; get a new one. If it is new, the clock of the runner's machine is ahead of Vault's"
        ) from None
    except jwt.ImmatureSignatureError:
        raise _unknown(
            "it is not valid yet, so the clock of the runner's machine is behind Vault's; set it right (date -u, NTP)"
        ) from None
    except jwt.PyJWTError:
        raise _unknown("it is not one of Vault's role breakglass, or was changed") from None
    return claims


def _live(client: Client, entity: str) -> Person:
    try:
        fields = section(client.get(f"identity/entity/id/{_plain(entity)}"), "data")
    except (MissingPath, DeniedByVault):
        raise _unknown("Vault has no such entity any more") from None
    if truth(fields, "disabled"):
        raise _unknown("its entity is disabled in Vault")
    groups = {*texts(fields, "group_ids"), *texts(fields, "direct_group_ids"), *texts(fields, "inherited_group_ids")}
    names = frozenset(_group(client, group) for group in sorted(groups))
    return Person(entity, text(fields, "name"), names, person_of(fields))


def person_of(fields: Mapping[str, object]) -> str:
    """Whom an admin says the entity belongs to: people have several, one for each way to log in."""
    metadata = fields.get("metadata")
    said = metadata.get("person", "") if isinstance(metadata, dict) else ""
    return said if isinstance(said, str) and PERSON.fullmatch(said) else ""


def _group(client: Client, group: str) -> str:
    return text(section(client.get(f"identity/group/id/{_plain(group)}"), "data"), "name")


def _plain(identifier: str) -> str:
    """An id of Vault's identity store (a UUID), which becomes part of a path."""
    if not identifier.isascii() or not identifier.replace("-", "").isalnum():
        raise _unknown("its subject is no id of Vault's")
    return identifier


def _unknown(why: str) -> UnknownPerson:
    return UnknownPerson(f"The identity token does not say who you are: {why}.")
