# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in a group of Vault's identity now, and who has a second factor: read with the runner's login, nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts, truth
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import TOTP_MOUNT

from breakglass.domain.approvers import Member
from breakglass.identity import person_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

EXTERNAL = "external"


def group_named(client: Client, name: str) -> Mapping[str, object] | None:
    """What Vault knows of a group; None when it has none of this name. Raises VaultError."""
    try:
        return section(client.get(f"identity/group/name/{name}"), "data")
    except MissingPath:
        return None


def members_of(client: Client, name: str, group: Mapping[str, object]) -> list[Member]:
    """Its members and those of the groups in it; disabled entities are none. Raises VaultError."""
    entities = dict.fromkeys(_entities(client, group, set()))
    return [member for entity in entities for member in _member(client, name, entity)]


def is_external(group: Mapping[str, object]) -> bool:
    """Whether its members are known only to a directory, until they log in."""
    return group.get("type") == EXTERNAL


def people_with_factor(client: Client) -> frozenset[str]:
    """Everybody who has a key in the engine for codes. Raises VaultError."""
    try:
        return frozenset(texts(section(client.list(f"{TOTP_MOUNT}/keys"), "data"), "keys"))
    except MissingPath:
        return frozenset()


def _entities(client: Client, group: Mapping[str, object], seen: set[str]) -> Iterator[str]:
    yield from texts(group, "member_entity_ids")
    for inner in texts(group, "member_group_ids"):
        if inner not in seen:
            seen.add(inner)
            yield from _entities(client, section(client.get(f"identity/group/id/{inner}"), "data"), seen)


def _member(client: Client, group: str, entity: str) -> Iterator[Member]:
    try:
        fields = section(client.get(f"identity/entity/id/{entity}"), "data")
    except MissingPath:
        return
    if not truth(fields, "disabled"):
        yield Member(text(fields, "name"), person_of(fields), group)
